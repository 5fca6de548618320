// What changes over a film: curves with points to drag, wishes with their times, and the same as text.
import { h, newId, newestOnly, s } from "../dom.js";
import { fold } from "../parts.js";
import { usualOf } from "./dream_side.js";
import { KeyChart } from "./film_chart.js";
import { clock, filmingOf, lengthOf, motionOf, setKeyframes, wishOf } from "./film_state.js";

const EASINGS = ["linear", "hold", "ease", "in", "out", "in-out"];
const TYPED = 400;

export class Keys {
  constructor(app, changing) {
    this.app = app;
    this.changing = changing;
    this.drawn = null;      // the server's last answer
    this.name = null;       // the curve that is shown
    this.point = 0;         // the point that is chosen of it
    const id = newId("keys");
    this.names = h("select", { "aria-label": "A setting that shall change" });
    this.tabs = h("div", { class: "row", role: "group", "aria-label": "Curves" });
    this.chart = new KeyChart({ moved: (points, chosen) => this.put(points, chosen), chose: (n) => this.choose(n) });
    this.form = h("div", { class: "row point" });
    this.remove = h("button", { type: "button", class: "small quiet", onclick: () => this.drop() }, "Remove this curve");
    this.note = h("small", { class: "soft" });
    this.curveBox = h("div", { class: "stack tight", hidden: true }, this.chart.element, this.note, this.form, h("div", { class: "row" }, this.remove));
    this.wishes = h("ul", { class: "wishes" });
    this.text = h("textarea", { id, class: "toml", spellcheck: false, rows: 8, "aria-describedby": `${id}-error`, oninput: () => this.type() });
    this.error = h("p", { class: "bad-line", id: `${id}-error`, role: "status" });
    this.listen = h("input", { type: "checkbox", id: `${id}-sound`, onchange: () => this.ask() });
    this.soundRow = h("div", { class: "field switch", hidden: true }, this.listen, h("label", { htmlFor: `${id}-sound` }, "Show how loud the film is"), h("span", { class: "about" }, "A curve may follow it: 0.01 + 0.03*audio.flux"));
    this.fold = fold("Over time", h("div", { class: "stack" },
      h("p", { class: "soft" }, "Settings and wishes may change over the film. Double click the curve, or press Enter on it, for a new point; arrow keys move a point, Delete takes it away."),
      h("div", { class: "row" }, this.names, h("button", { type: "button", class: "small", onclick: () => this.add() }, "Add a curve")),
      this.tabs, this.curveBox, this.soundRow,
      h("div", { class: "stack tight" }, h("h2", {}, "Wishes over time"), this.wishes, h("div", { class: "row" }, h("button", { type: "button", class: "small", onclick: () => this.addWish() }, "Add a wish"))),
      h("div", { class: "field" }, h("label", { htmlFor: id }, "The same as text (TOML)"), this.text, this.error)));
    this.fold.addEventListener("toggle", () => { if (this.fold.open) this.ask(); });
    this.element = h("div", { class: "card stack keys" }, this.fold);
    this.edits = 0;
    this.send = newestOnly((asked, number) => this.exchange(asked, number));
    app.store.addEventListener("change", (event) => { if (["filming", "film", "settings", "objective", "preset", "model"].some((name) => name in event.detail)) this.dress(); });
    this.dress();
  }

  // Another kind, another part of the film: the same keyframes mean other frames.
  dress() {
    const { kind, keyframes, range } = filmingOf(this.app);
    const context = JSON.stringify([kind, range, this.app.state.film?.key, motionOf(this.app), wishOf(this.app)]), now = context + keyframes[kind];
    if (this.kind !== kind) {
      this.kind = kind;
      this.name = null;
      this.names.replaceChildren(...this.changing[kind].map((name) => h("option", { value: name }, name.replaceAll("_", " "))));
      this.names.value = "step_size";
    }
    if (this.now === now) return;
    this.now = now;
    if (document.activeElement !== this.text) this.text.value = keyframes[kind];
    if (keyframes[kind] && !this.fold.open && this.drawn === null) this.fold.open = true;
    if (keyframes[kind] !== this.drawn?.text || context !== this.context) this.ask();
    this.context = context;
  }

  asked(table) {
    const { kind, keyframes } = filmingOf(this.app);
    return { kind, motion: motionOf(this.app), input: kind === "film" ? this.app.state.film?.key ?? null : null, objective: wishOf(this.app), hear: this.listen.checked, ...(table ? { table } : { text: keyframes[kind] }) };
  }

  ask() { if (this.fold.open) this.send(this.asked()); }

  edit(change) {
    const table = structuredClone(this.drawn?.table || { curves: {}, wish: [], mask: [] });
    change(table);
    this.drawn = { ...this.drawn, table };  // the next change may come before the answer
    this.send(this.asked(table), ++this.edits);
  }

  // What was changed since it was asked stays; only its line is drawn.
  async exchange(asked, number) {
    try {
      const told = await this.app.api.post("/studio/films/keyframes", asked);
      if (number !== undefined && number !== this.edits) { this.chart.follow(told); return; }
      this.drawn = told;
      this.error.textContent = "";
      this.text.setAttribute("aria-invalid", "false");
      if (asked.table) {
        if (document.activeElement !== this.text) this.text.value = told.text;
        setKeyframes(this.app, told.text);
      }
      this.draw();
    } catch (error) { this.error.textContent = error.message; this.text.setAttribute("aria-invalid", "true"); }
  }

  type() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => setKeyframes(this.app, this.text.value), TYPED);
  }

  draw() {
    const { drawn } = this;
    const names = Object.keys(drawn.table.curves);
    if (!names.includes(this.name)) { this.name = names[0] || null; this.point = 0; }
    this.tabs.replaceChildren(...names.map((name) => h("button", { type: "button", class: "small", "aria-pressed": String(name === this.name), onclick: () => { this.name = name; this.point = 0; this.draw(); } }, name.replaceAll("_", " "))));
    this.tabs.hidden = names.length < 2;
    this.soundRow.hidden = !(filmingOf(this.app).kind === "film" && this.app.state.film?.sound?.length);
    const curve = drawn.curves.find((each) => each.name === this.name);
    this.curveBox.hidden = !curve;
    if (curve) {
      this.chart.show(curve, drawn, this.point);
      this.note.textContent = curve.points ? "" : "This curve is said in words: change it in the text.";
      this.note.hidden = Boolean(curve.points);
      this.drawForm(curve);
    }
    this.drawWishes();
  }

  usual(name) {
    const { kind, motion } = filmingOf(this.app);
    const own = this.app.controls.settings[kind].find((each) => each.name === name);
    if (own) return motion[kind][name] ?? own.default;
    const setting = this.app.controls.settings.dream.find((each) => each.name === name);
    return this.app.state.settings[name] ?? usualOf(this.app, setting) ?? setting.default ?? setting.least ?? 1;
  }

  add() {
    const name = this.names.value, value = this.usual(name);
    if (this.drawn?.table.curves[name] !== undefined) { this.name = name; this.draw(); return; }
    this.name = name;
    this.point = 0;
    const end = this.drawn?.seconds ?? lengthOf(this.app);
    this.edit((table) => { table.curves[name] = [{ at: "0s", value }, { at: `${this.round(end)}s`, value }]; });
  }

  drop() { const name = this.name; this.edit((table) => { delete table.curves[name]; }); }

  round(seconds) { return Number(seconds.toFixed(3)); }

  // Points as they were dragged: each a second, a value, and how it is approached.
  put(points, chosen) {
    this.point = chosen;
    const name = this.name;
    this.edit((table) => { table.curves[name] = points.map(({ second, value, ease, bezier }) => ({ at: `${this.round(second)}s`, value, ...(ease ? { ease } : {}), ...(bezier ? { bezier } : {}) })); });
  }

  choose(n) { this.point = n; const curve = this.drawn.curves.find((each) => each.name === this.name); if (curve) this.drawForm(curve); }

  drawForm(curve) {
    if (this.form.contains(document.activeElement)) return;
    this.form.hidden = !curve.points;
    if (!curve.points) return;
    const n = Math.min(this.point, curve.points.length - 1), point = curve.points[n];
    const number = (label, value, step, told) => {
      const id = newId("point");
      const input = h("input", { type: "number", id, step, value: String(value), onchange: () => { if (input.checkValidity() && input.value !== "") told(Number(input.value)); } });
      return h("div", { class: "field" }, h("label", { htmlFor: id }, label), input);
    };
    const change = (patch) => { const points = curve.points.map((each, m) => (m === n ? { ...each, ...patch } : each)).sort((a, b) => a.second - b.second); this.form.replaceChildren(); this.put(points, n); };
    const id = newId("ease");
    const ease = h("select", { id, disabled: n === 0, onchange: () => change({ ease: ease.value === "linear" ? null : ease.value, bezier: null }) }, ...EASINGS.map((each) => h("option", { value: each }, each)));
    ease.value = point.ease?.replace(/^ease-/, "") || "linear";
    this.form.replaceChildren(number(`Point ${n + 1}, seconds`, this.round(point.second), "any", (second) => change({ second: Math.max(0, second) })), number("Value", point.value, curve.whole ? 1 : "any", (value) => change({ value })),
      h("div", { class: "field" }, h("label", { htmlFor: id }, "Approached"), ease));
  }

  drawWishes() {
    if (this.wishes.contains(document.activeElement) && document.activeElement.tagName === "INPUT" && this.wishes.children.length === this.drawn.table.wish.length) return;
    const wishes = this.drawn.table.wish;
    this.wishes.replaceChildren(...wishes.map((wish, n) => {
      const at = h("input", { type: "text", class: "at", value: String(wish.at), "aria-label": `When wish ${n + 1} is there`, onchange: () => this.edit((table) => { table.wish[n].at = at.value.trim(); }) });
      const words = h("input", { type: "text", value: wish.objective, spellcheck: false, autocomplete: "off", "aria-label": `Wish ${n + 1} over time`, onchange: () => this.edit((table) => { table.wish[n].objective = words.value.trim(); delete table.wish[n].weight; }) });
      return h("li", { class: "row" }, at, words, h("button", { type: "button", class: "quiet icon small", "aria-label": `Remove wish ${n + 1}`, onclick: () => this.edit((table) => { table.wish.splice(n, 1); if (table.wish[0]) delete table.wish[0].fade; }) }, "✕"));
    }), this.band(wishes));
  }

  // How much of each wish there is over time.
  band(wishes) {
    const told = this.drawn.wishes;
    if (told.length < 2) return "";
    const many = told[0].shares.length, floor = new Array(many).fill(0);
    const paths = told.map((each, number) => {
      const x = (n) => (100 * n / Math.max(1, many - 1)).toFixed(2), low = [...floor];
      each.shares.forEach((share, n) => { floor[n] += share; });
      const up = floor.map((y, n) => `${x(n)} ${(24 - 24 * y).toFixed(2)}`), down = low.map((y, n) => `${x(n)} ${(24 - 24 * y).toFixed(2)}`).reverse();
      return s("path", { d: `M${up.join("L")}L${down.join("L")}Z`, class: `band band-${number % 5}` });
    });
    return h("li", {}, s("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", class: "bands", role: "img", "aria-label": told.map((each) => `${each.words} at ${clock(each.second)}`).join(", then ") }, ...paths));
  }

  addWish() {
    const end = this.drawn?.seconds ?? lengthOf(this.app);
    this.edit((table) => {
      if (!table.wish.length) { table.wish.push({ at: "0s", objective: wishOf(this.app) || "fire8^2" }, { at: "100%", objective: "fire3^2" }); return; }
      const last = this.drawn.wishes?.at(-1)?.second ?? 0;
      if (last >= end - 0.05) { table.wish.at(-1).at = `${this.round((this.drawn.wishes.at(-2)?.second ?? 0) / 2 + end / 2)}s`; }
      table.wish.push({ at: "100%", objective: "fire5^2" });
    });
  }
}
