// Wishes by pictures: layers and channels to click, classes to look up, guides to drop, and where to dream what.
import { h } from "../dom.js";
import { Wish } from "../terms.js";
import { LayerWall } from "./layer_wall.js";
import { paintRoom } from "./paint.js";
import { wishList } from "./wish_list.js";

export const wishes = {
  name: "wishes",
  title: "Wishes",
  mount(app, element) {
    const wish = new Wish(app), wall = new LayerWall(app, wish), paint = paintRoom(app);
    const tabs = h("div", { class: "segments", role: "group", "aria-label": "Choose, or paint" });
    const views = [["By pictures", wall.element], ["Paint where", paint.element]];
    const show = (number) => views.forEach(([, view], each) => {
      view.hidden = each !== number;
      tabs.children[each].setAttribute("aria-pressed", String(each === number));
      if (each === number) (number === 0 ? wall : paint).entered();
    });
    tabs.append(...views.map(([words], number) => h("button", { type: "button", "aria-pressed": "false", onclick: () => show(number) }, words)));
    element.append(h("div", { class: "two wishes" },
      h("div", { class: "center" }, h("div", { class: "row spread" }, h("h1", {}, "Wishes"), tabs), ...views.map(([, view]) => view)),
      h("div", { class: "side" }, wishList(app, wish))));
    this.entered = () => { if (app.painting) { app.painting = false; show(1); } else (wall.element.hidden ? paint : wall).entered(); };
    this.left = () => wall.left();
    this.receive = (upload) => {
      if (upload.kind !== "picture") return false;
      app.store.set({ guides: [...app.state.guides, { key: upload.key, name: upload.name, weight: 1 }] });
      app.toast(`${upload.name} is a guide now: its features are looked for.`);
      return true;
    };
    show(0);
  },
};
