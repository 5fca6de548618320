// A curve over time, drawn to scale: its points are dragged, or moved by arrow keys.
import { h, s } from "../dom.js";
import { clock } from "./film_state.js";

const HIGH = 200, PAD = { left: 56, right: 14, top: 14, bottom: 26 };

export class KeyChart {
  constructor({ moved, chose }) {
    this.moved = moved;
    this.chose = chose;
    this.curve = null;
    this.dragged = null;
    this.svg = s("svg", { class: "chart", tabindex: 0, role: "group", "aria-label": "The curve" });
    this.element = h("div", { class: "chart-box" }, this.svg);
    this.svg.addEventListener("dblclick", (event) => { const at = this.place(event); this.add(at.second, at.value); });
    this.svg.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target === this.svg) { event.preventDefault(); this.addBetween(); } });
    this.svg.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) this.svg.addEventListener(name, () => { if (this.dragged !== null) { this.dragged = null; this.draw(); } });
    new ResizeObserver(() => { if (this.curve) this.draw(); }).observe(this.element);
  }

  show(curve, drawn, chosen) {
    const other = this.curve?.name !== curve.name;
    this.curve = curve;
    this.drawn = drawn;
    this.chosen = chosen;
    if (this.dragged === null || other) this.scale();
    this.draw();
  }

  // The line of points that have been moved on since.
  follow(drawn) {
    const found = drawn.curves.find((each) => each.name === this.curve?.name);
    if (!found) return;
    this.curve = { ...this.curve, values: found.values };
    this.drawn = drawn;
    this.draw();
  }

  // From which value to which: what is there, with room above and below, within the setting's bounds.
  scale() {
    const { values, points, least, most } = this.curve, all = [...values, ...(points || []).map((each) => each.value)];
    let low = Math.min(...all), high = Math.max(...all);
    const room = Math.max((high - low) * 0.4, Math.abs(high) * 0.6, 1e-6);
    low = low >= 0 && low - room < 0 ? 0 : low - room;
    high += room;
    this.low = least === null ? low : Math.max(least, low);
    this.high = most === null ? high : Math.min(most, high);
    if (!(this.high > this.low)) this.high = this.low + 1;
  }

  get wide() { return Math.max(260, this.element.clientWidth || 600); }

  x(second) { return PAD.left + (this.wide - PAD.left - PAD.right) * Math.min(1, second / this.drawn.seconds); }

  y(value) { return PAD.top + (HIGH - PAD.top - PAD.bottom) * (1 - (value - this.low) / (this.high - this.low)); }

  place(event) {
    const box = this.svg.getBoundingClientRect(), across = (event.clientX - box.left - PAD.left) / (this.wide - PAD.left - PAD.right);
    const up = 1 - (event.clientY - box.top - PAD.top) / (HIGH - PAD.top - PAD.bottom);
    return { second: Math.min(1, Math.max(0, across)) * this.drawn.seconds, value: this.low + Math.min(1, Math.max(0, up)) * (this.high - this.low) };
  }

  round(value) {
    if (this.curve.whole) return Math.round(value);
    const { least, most } = this.curve, rounded = Number(value.toPrecision(4));
    return Math.min(most ?? Infinity, Math.max(least ?? -Infinity, rounded));
  }

  draw() {
    const { curve, drawn, svg } = this, had = document.activeElement?.dataset?.point;
    svg.setAttribute("viewBox", `0 0 ${this.wide} ${HIGH}`);
    svg.setAttribute("aria-label", `${curve.name.replaceAll("_", " ")} over time, from ${curve.values[0]} to ${curve.values.at(-1)}; Enter adds a point`);
    const line = (values) => values.map((value, n) => `${n ? "L" : "M"}${this.x(drawn.times[n]).toFixed(1)} ${this.y(value).toFixed(1)}`).join("");
    const label = (x, y, words, anchor) => s("text", { x, y, "text-anchor": anchor }, words);
    const shown = (value) => String(Number(value.toPrecision(3)));
    const parts = [s("rect", { class: "ground", x: PAD.left, y: PAD.top, width: this.wide - PAD.left - PAD.right, height: HIGH - PAD.top - PAD.bottom })];
    if (drawn.sound.level) {
      const floor = HIGH - PAD.bottom, high = (floor - PAD.top) * 0.6;
      parts.push(s("path", { class: "loud", d: `M${this.x(0)} ${floor}${drawn.sound.level.map((each, n) => `L${this.x(drawn.times[n]).toFixed(1)} ${(floor - high * each).toFixed(1)}`).join("")}L${this.x(drawn.times.at(-1)).toFixed(1)} ${floor}Z` }));
    }
    parts.push(s("path", { class: "line", d: line(curve.values) }), label(PAD.left - 8, PAD.top + 8, shown(this.high), "end"), label(PAD.left - 8, HIGH - PAD.bottom, shown(this.low), "end"),
      label(PAD.left, HIGH - 8, "0 s", "start"), label(this.wide - PAD.right, HIGH - 8, clock(drawn.seconds), "end"));
    const points = (curve.points || []).map((point, n) => {
      const made = s("circle", { cx: this.x(point.second), cy: this.y(point.value), r: 8, tabindex: 0, role: "slider", "data-point": n, class: n === this.chosen ? "chosen" : "",
        "aria-label": `Point ${n + 1} of ${curve.name.replaceAll("_", " ")}`, "aria-valuenow": point.value, "aria-valuetext": `${shown(point.value)} at ${point.second.toFixed(2)} s`, "aria-valuemin": this.low, "aria-valuemax": this.high });
      made.addEventListener("pointerdown", (event) => { event.preventDefault(); made.focus(); svg.setPointerCapture(event.pointerId); this.dragged = n; });
      made.addEventListener("focus", () => { if (this.chosen !== n) { this.chosen = n; for (const each of svg.querySelectorAll("circle")) each.classList.toggle("chosen", Number(each.dataset.point) === n); this.chose(n); } });
      made.addEventListener("keydown", (event) => this.key(event, n));
      made.addEventListener("dblclick", (event) => event.stopPropagation());
      return made;
    });
    svg.replaceChildren(...parts, ...points);
    if (had !== undefined) svg.querySelector(`[data-point="${Math.min(this.chosen, points.length - 1)}"]`)?.focus();
  }

  drag(event) {
    if (this.dragged === null || !this.curve.points) return;
    const at = this.place(event);
    this.moveTo(this.dragged, at.second, at.value);
  }

  // A point stays between its neighbors, a frame from each at least.
  moveTo(n, second, value) {
    const points = this.curve.points.map((each) => ({ ...each })), frame = 1 / this.drawn.rate;
    const low = n ? points[n - 1].second + frame : 0, high = n < points.length - 1 ? points[n + 1].second - frame : this.drawn.seconds;
    points[n].second = Math.min(Math.max(low, second), Math.max(low, high));
    points[n].value = this.round(value);
    this.curve = { ...this.curve, points };
    this.chosen = n;
    this.draw();
    this.moved(points, n);
  }

  add(second, value) {
    if (!this.curve.points) return;
    const points = [...this.curve.points, { second, value: this.round(value) }].sort((a, b) => a.second - b.second);
    if (points.some((each, n) => n && each.second - points[n - 1].second < 0.5 / this.drawn.rate)) return;
    this.chosen = points.findIndex((each) => each.second === second);
    this.curve = { ...this.curve, points };
    this.draw();
    this.svg.querySelector(`[data-point="${this.chosen}"]`)?.focus();
    this.moved(points, this.chosen);
  }

  // In the middle of the widest gap.
  addBetween() {
    const points = this.curve.points;
    if (!points) return;
    const ends = [0, ...points.map((each) => each.second), this.drawn.seconds];
    const gaps = ends.slice(1).map((end, n) => [end - ends[n], (end + ends[n]) / 2]).sort((a, b) => b[0] - a[0]);
    const second = gaps[0][1], index = Math.round(second / this.drawn.seconds * (this.curve.values.length - 1));
    this.add(second, this.curve.values[index]);
  }

  key(event, n) {
    const point = this.curve.points[n], frame = 1 / this.drawn.rate, step = this.curve.whole ? 1 : (this.high - this.low) / (event.shiftKey ? 10 : 50);
    const moves = { ArrowLeft: [-frame, 0], ArrowRight: [frame, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.key in moves) {
      event.preventDefault();
      const [across, up] = moves[event.key];
      this.moveTo(n, point.second + across * (event.shiftKey ? 10 : 1), point.value + up);
    } else if ((event.key === "Delete" || event.key === "Backspace") && this.curve.points.length > 1) {
      event.preventDefault();
      const points = this.curve.points.filter((_, m) => m !== n);
      this.chosen = Math.min(n, points.length - 1);
      this.curve = { ...this.curve, points };
      this.draw();
      this.moved(points, this.chosen);
    } else if (event.key === "Enter") { event.preventDefault(); event.stopPropagation(); this.addBetween(); }
  }
}
