// A film as a strip of its pictures, and the part of it that is chosen, by two handles.
import { h, newId } from "../dom.js";
import { change, clock, filmingOf, rangeOf } from "./film_state.js";

const COUNT = 14, SIDE = 160;
const NEAR = 22;  // how near to a handle it is taken, in pixels

export const stillOf = (film, seconds, side) => `/studio/uploads/${encodeURIComponent(film.key)}/still?at=${Math.max(0, Math.round(seconds * 1000))}&side=${Math.round(side)}`;

export class Strip {
  constructor(app) {
    this.app = app;
    this.key = null;
    this.pictures = h("div", { class: "pictures", "aria-hidden": "true" });
    this.before = h("i", { class: "out before" });
    this.after = h("i", { class: "out after" });
    this.head = h("i", { class: "head", hidden: true });
    this.begin = this.handle("Begin at", 0);
    this.end = this.handle("End at", 1);
    this.told = h("output", { class: "soft" });
    this.whole = h("button", { type: "button", class: "small quiet", onclick: () => change(app, { range: null }) }, "The whole film");
    this.dragged = null;
    this.element = h("div", { class: "stack tight" },
      this.film = h("div", { class: "filmstrip", onpointerdown: (event) => this.take(event), onpointermove: (event) => this.drag(event),
        onpointerup: () => this.drop(), onpointercancel: () => this.drop() }, this.pictures, this.before, this.after, this.head, this.begin.mark, this.end.mark, this.begin.input, this.end.input),
      h("div", { class: "row spread" }, h("div", { class: "row times" }, this.begin.field, this.end.field), h("div", { class: "row" }, this.told, this.whole)));
    app.store.addEventListener("change", () => this.dress());
    this.dress();
  }

  handle(label, which) {
    const id = newId("handle");
    const input = h("input", { type: "range", min: 0, "aria-label": which ? "Where the part ends" : "Where the part begins", class: which ? "end" : "begin", oninput: () => this.move(which, Number(input.value)) });
    const number = h("input", { type: "number", id, min: 0, inputMode: "decimal", onchange: () => this.move(which, Number(number.value)) });
    return { input, number, mark: h("b", { class: `mark ${which ? "end" : "begin"}`, "aria-hidden": "true" }),
      field: h("div", { class: "row time" }, h("label", { htmlFor: id }, label), number, h("span", { class: "soft" }, "s")) };
  }

  secondAt(event) {
    const box = this.film.getBoundingClientRect(), { film } = this.app.state;
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * film.seconds;
  }

  // A handle is taken by what is near it; elsewhere on the strip the film is moved to that place.
  take(event) {
    if (event.button) return;
    const box = this.film.getBoundingClientRect(), { film } = this.app.state, at = event.clientX - box.left;
    const places = rangeOf(this.app).map((value, which) => box.width * value / film.seconds + (which ? 7 : -7));
    const which = Math.abs(at - places[0]) < Math.abs(at - places[1]) ? 0 : 1;
    event.preventDefault();
    if (Math.abs(at - places[which]) > NEAR) { this.moved?.(this.secondAt(event)); return; }
    this.dragged = { which, by: event.clientX - (places[which] + (which ? -7 : 7)) - box.left };
    this.film.setPointerCapture(event.pointerId);
    (which ? this.end : this.begin).input.focus({ preventScroll: true });
  }

  drag(event) {
    if (!this.dragged) return;
    const box = this.film.getBoundingClientRect(), { film } = this.app.state;
    const share = Math.min(1, Math.max(0, (event.clientX - this.dragged.by - box.left) / box.width));
    this.move(this.dragged.which, share * film.seconds);
  }

  drop() { this.dragged = null; }

  // One frame is left at least.
  move(which, value) {
    const { film } = this.app.state, frame = 1 / film.rate, range = [...rangeOf(this.app)];
    const snapped = Math.min(film.seconds, Math.round(value * film.rate) / film.rate);
    if (!Number.isFinite(value)) { this.dress(); return; }
    if (which) range[1] = Math.max(range[0] + frame, value >= film.seconds ? film.seconds : snapped);
    else range[0] = Math.max(0, Math.min(range[1] - frame, snapped));
    const whole = range[0] <= 0 && range[1] >= film.seconds - frame / 2;
    change(this.app, { range: whole ? null : range });
    this.moved?.(range[which]);
  }

  draw(film) {
    this.key = film.key;
    const many = Math.max(1, Math.min(COUNT, film.frames));
    this.pictures.replaceChildren(...Array.from({ length: many }, (_, n) =>
      h("img", { alt: "", decoding: "async", src: stillOf(film, film.seconds * (n + 0.5) / many, SIDE) })));
  }

  dress() {
    const { film } = this.app.state;
    if (!film) { this.key = null; return; }
    if (this.key !== film.key) this.draw(film);
    const [begin, end] = rangeOf(this.app), share = (value) => `${(100 * value / film.seconds).toFixed(3)}%`;
    for (const [handle, value] of [[this.begin, begin], [this.end, end]]) {
      handle.input.max = handle.number.max = film.seconds;
      handle.input.step = handle.number.step = "any";
      if (Number(handle.input.value) !== value) handle.input.value = value;
      handle.input.setAttribute("aria-valuetext", clock(value));
      handle.mark.style.left = share(value);
      if (document.activeElement !== handle.number) handle.number.value = Number(value.toFixed(3));
    }
    for (const each of [this.begin, this.end]) each.input.onkeydown = (event) => this.key_(event, each === this.end ? 1 : 0);
    this.before.style.width = share(begin);
    this.after.style.width = share(film.seconds - end);
    this.told.textContent = `${(end - begin).toFixed(2)} of ${film.seconds.toFixed(2)} s`;
    this.whole.hidden = !filmingOf(this.app).range;
  }

  // Arrow keys go by a frame, Page Up and Page Down by a second.
  key_(event, which) {
    const { film } = this.app.state, frame = 1 / film.rate;
    const by = { ArrowLeft: -frame, ArrowDown: -frame, ArrowRight: frame, ArrowUp: frame, PageDown: -1, PageUp: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.move(which, rangeOf(this.app)[which] + by);
  }

  showHead(seconds) {
    const { film } = this.app.state;
    this.head.hidden = seconds === null || !film;
    if (film && seconds !== null) this.head.style.left = `${(100 * seconds / film.seconds).toFixed(2)}%`;
  }
}
