// Drop a film, try a frame, dream all of it; or let a photo zoom, or morph from wish to wish.
import { h, newId } from "../dom.js";
import { FILM_FILES, begunCard, chooser, dreamCard, encodingCard, motionCard, sourceCard, wishesCard } from "./film_side.js";
import { Keys } from "./film_keys.js";
import { FilmStage } from "./film_stage.js";
import { KINDS, change, filmingOf, takeUp } from "./film_state.js";
import { Strip } from "./film_strip.js";

export const film = {
  name: "film",
  title: "Film",
  mount(app, element) {
    this.app = app;
    const about = h("div", { class: "stack" });
    element.append(h("h1", { class: "sr" }, "Dream a film"), about);
    app.api.get("/studio/film").then((told) => this.build(about, told), (error) => about.append(h("p", { class: "lonely" }, error.message)));
  },
  build(element, told) {
    const { app } = this;
    if (told.missing) { element.append(h("div", { class: "card empty" }, h("p", {}, "Films need more than is installed."), h("p", {}, h("code", {}, told.missing)))); return; }
    if (app.state.filmed) takeUp(app, app.state.filmed);
    const stage = this.stage = new FilmStage(app, new Strip(app));
    const begun = this.begun = begunCard(app, (each) => stage.listen(each));
    stage.ended = async (over) => {
      const left = (await begun.refresh() || []).find((each) => each.name === over.target);
      if (left && stage.told?.key === over.key) { stage.told.kept = left.kept; stage.dress(); }
    };
    const keys = new Keys(app, told.changing);
    const side = h("div", { class: "side" }, sourceCard(app), begun, wishesCard(app), dreamCard(app), motionCard(app), encodingCard(app, told.endings));
    stage.element.append(keys.element);
    const room = h("div", { class: "two" }, stage.element, side), doors = this.doors(begun);
    element.append(h("div", { class: "head-row" }, this.kinds(), stage.views), doors, room);
    const dress = () => {
      if (app.state.filmed) { takeUp(app, app.state.filmed); return; }
      const { kind } = filmingOf(app), empty = kind === "film" ? !app.state.film : !app.state.input;
      doors.dress(kind, empty && !stage.told);
      room.hidden = empty && !stage.told;
    };
    stage.changed = dress;
    app.store.addEventListener("change", dress);
    dress();
    stage.comeBack();
    begun.refresh();
    this.check();
  },
  // A film is kept for as long as the studio is open; a tab may stay longer.
  async check() {
    const { film: dropped } = this.app.state;
    if (!dropped) return;
    const answer = await fetch(`/studio/uploads/${encodeURIComponent(dropped.key)}/still?side=16`).catch(() => null);
    if (answer?.status === 404) { this.app.store.set({ film: null }); change(this.app, { range: null }); }
  },
  entered() { this.begun?.refresh(); },
  left() { for (const each of this.stage?.frame.querySelectorAll("video") || []) each.pause(); },
  receive(upload) {
    const { app } = this;
    if (upload.kind === "film") { app.store.set({ film: upload }); change(app, { kind: "film", range: null }); return true; }
    if (upload.kind !== "picture") return false;
    const { kind } = filmingOf(app);
    app.store.set({ input: upload });
    if (kind === "film") { change(app, { kind: "zoom" }); app.toast(`${upload.name} is a photo: a zoom begins with it, or a morph.`); }
    return true;
  },
  kinds() {
    const { app } = this, name = newId("kind");
    const made = h("div", { class: "kinds-row", role: "radiogroup", "aria-label": "What is made" }, ...KINDS.map(([kind, words]) =>
      h("label", {}, h("input", { type: "radio", name, value: kind, onchange: () => change(app, { kind }) }), h("span", {}, words))));
    const dress = () => { for (const radio of made.querySelectorAll("input")) radio.checked = radio.value === filmingOf(app).kind; };
    app.store.addEventListener("change", dress);
    dress();
    return made;
  },
  doors(begun) {
    const { app } = this, films = chooser(app, FILM_FILES, "A film to dream"), photos = chooser(app, "image/*,.tif,.tiff", "A photo to begin with");
    const words = h("h2", {}), more = h("p", {}), buttons = h("div", { class: "row center" }), slot = h("div", { class: "begun-slot" });
    const made = h("div", { class: "door card" }, words, more, buttons, films, photos, slot);
    made.dress = (kind, shown) => {
      made.hidden = !shown;
      const side = this.stage.element.nextSibling;
      if (shown) slot.append(begun); else if (slot.contains(begun)) side?.insertBefore(begun, side.children[1]);
      if (made.dataset.kind === kind) return;
      made.dataset.kind = kind;
      const [title, text] = {
        film: ["Drop a film", "An MP4, a MOV, a WebM, an animated GIF: whatever moves. What is dreamed stays on the things that move, and the sound stays as it is."],
        zoom: ["A zoom begins with a photo", "Each frame is the one before, a little larger, and dreamed on: the dream feeds on itself."],
        morph: ["A morph begins with a photo", "The photo stays where it is; what is dreamed of it goes from wish to wish."] }[kind];
      words.textContent = title;
      more.textContent = text;
      buttons.replaceChildren(...(kind === "film" ? [h("button", { type: "button", class: "main", onclick: () => films.click() }, "Choose a film")]
        : [h("button", { type: "button", class: "main", onclick: () => photos.click() }, "Choose a photo"), h("button", { type: "button", onclick: () => app.store.set({ input: { example: true, name: "astronaut.jpg" } }) }, "The astronaut")]));
    };
    return made;
  },
};
