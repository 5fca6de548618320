// The place to drop a picture, as long as there is none.
import { h } from "../dom.js";
import { takePhoto } from "./webcam.js";

export function welcome(app) {
  const file = h("input", { type: "file", accept: "image/*,video/*,.png,.tif,.tiff", class: "sr", tabIndex: -1, "aria-label": "A picture to dream", onchange: () => app.takeFiles([...file.files]) });
  return h("div", { class: "stage" }, h("div", { class: "dropzone" },
    h("h2", { class: "big" }, "What would this network see in your photo?"),
    h("p", { class: "soft" }, "Drop a picture anywhere on this page, or paste one."),
    h("div", { class: "row center" },
      h("button", { type: "button", class: "main", onclick: () => file.click() }, "Choose a photo"),
      h("button", { type: "button", onclick: () => takePhoto(app) }, "Webcam"),
      h("button", { type: "button", onclick: () => app.store.set({ input: { example: true, name: "astronaut.jpg" } }) }, "The astronaut")),
    file,
    h("p", { class: "soft" }, h("small", {}, "Everything is dreamed on this machine. Nothing is sent anywhere."))));
}
