// The place to drop a picture, as long as there is none.
import { h } from "../dom.js";
import { compare } from "../parts.js";
import { takePhoto } from "./webcam.js";

export function welcome(app) {
  const file = h("input", { type: "file", accept: "image/*,video/*,.tif,.tiff", class: "sr", tabIndex: -1, "aria-label": "A picture to dream", onchange: () => { app.takeFiles([...file.files]); file.value = ""; } });
  const shown = compare("/page/astronaut.jpg", "/page/astronaut-dream.jpg", "The same portrait, dreamed: dogs look out of it");
  return h("div", { class: "welcome" },
    h("div", { class: "stack words" },
      h("h2", {}, "What would a network see in your photo?"),
      h("p", {}, "Drop a picture anywhere on this page, or paste one. Then watch it dream."),
      h("div", { class: "row" },
        h("button", { type: "button", class: "main", onclick: () => file.click() }, "Choose a photo"),
        h("button", { type: "button", onclick: () => takePhoto(app) }, "Webcam"),
        h("button", { type: "button", onclick: () => app.store.set({ input: { example: true, name: "astronaut.jpg" } }) }, "The astronaut")),
      file,
      h("p", { class: "soft" }, h("small", {}, "Everything is dreamed on this machine. Nothing is sent anywhere. A picture that Reverie made, dropped here, brings back every control it was made with."))),
    h("figure", { class: "stage" }, shown));
}
