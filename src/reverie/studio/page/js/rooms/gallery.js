// Everything made here, newest first.
import { h } from "../dom.js";

export const gallery = {
  name: "gallery",
  title: "Gallery",
  mount(app, element) {
    const wall = h("div", { class: "wall" });
    element.append(h("h1", {}, "Gallery"), wall);
    this.entered = async () => {
      const { items } = await app.api.get("/studio/gallery");
      wall.replaceChildren(...items.map((item) => h("button", { type: "button", "aria-label": `Open ${item.name} again`, onclick: async () => {
        try { await app.restore(await app.api.get(`/studio/gallery/${encodeURIComponent(item.name)}/state`), item.name); } catch (error) { app.toast(error.message, "bad"); }
      } }, h("img", { src: `/studio/gallery/${encodeURIComponent(item.name)}/thumb`, alt: item.name }))));
    };
  },
};
