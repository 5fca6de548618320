// Masks, painted on the photo with a brush: a wish for each color, and nothing where nothing is painted.
import { h, newId } from "../dom.js";
import { slider } from "../parts.js";
import { thumbOf } from "./dream_side.js";

const COLORS = [["violet", "#a06bff"], ["orange", "#ff8a3d"], ["teal", "#23c4a8"], ["pink", "#ff5fa2"], ["yellow", "#e8c62b"], ["blue", "#4a90ff"]];
const LARGEST = 2048;
const READS = { willReadFrequently: true };

export function paintRoom(app) { return new Paint(app); }

class Paint {
  constructor(app) {
    this.app = app;
    this.layers = COLORS.map(([name, color]) => ({ name, color, canvas: h("canvas"), objective: "", painted: false }));
    this.at = 0;
    this.erasing = false;
    this.past = [];
    this.future = [];
    this.photo = h("img", { alt: "The photo to paint on" });
    this.board = h("canvas", { class: "board", tabIndex: 0, role: "img", "aria-label": "Paint here with the brush; [ and ] change its size, Ctrl+Z undoes" });
    this.brush = slider({ label: "Brush", min: 4, max: 300, step: 1, value: 60, format: (value) => `${value} px` });
    this.rows = h("div", { class: "forms painted" });
    this.eraser = h("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => this.erase(!this.erasing) }, "Eraser");
    this.empty = h("p", { class: "empty" }, "Choose a photo in the Dream room first; then paint on it what shall become what.");
    this.swatches = h("div", { class: "row swatches", role: "group", "aria-label": "Colors" });
    this.tools = h("div", { class: "card stack tools" },
      h("div", { class: "row" }, this.swatches, this.eraser,
        h("button", { type: "button", class: "small", onclick: () => this.undo() }, "Undo"), h("button", { type: "button", class: "small", onclick: () => this.redo() }, "Redo"),
        h("button", { type: "button", class: "small", onclick: () => this.fill() }, "Fill all"), h("button", { type: "button", class: "small", onclick: () => this.clear() }, "Clear this color")),
      this.brush);
    this.said = h("div", { class: "card stack" }, h("h3", {}, "A wish for each color"), this.rows,
      h("small", { class: "soft" }, "Without words, a color dreams of the whole wish. What is not painted stays the photo."));
    this.frame = h("div", { class: "stage paint" }, h("div", { class: "easel" }, this.photo, this.board));
    this.element = h("div", { class: "stack" }, this.empty, this.tools, this.frame, this.said);
    this.rows.append(...this.layers.map((layer, number) => this.row(layer, number)));
    this.listen();
    app.store.addEventListener("change", (event) => { if ("input" in event.detail && this.ready) this.changePhoto(); });
    document.addEventListener("restored", () => { this.ready = null; });
    app.store.addEventListener("change", (event) => { if ("masks" in event.detail) this.forget(); });
    this.choose(0);
  }

  row(layer, number) {
    const id = newId("mask");
    const pick = h("button", { type: "button", class: "swatch", "aria-pressed": "false", "aria-label": `Paint in ${layer.name}`, onclick: () => this.choose(number) });
    pick.style.background = layer.color;
    layer.pick = pick;
    this.swatches.append(pick);
    const dot = h("i", { class: "dot" });
    dot.style.background = layer.color;
    layer.input = h("input", { type: "text", id, autocomplete: "off", spellcheck: false, placeholder: "class:jellyfish, or nothing", "aria-label": `The wish in ${layer.name}`, onchange: () => { layer.objective = layer.input.value.trim(); this.check(layer); this.send(layer); }, onfocus: () => this.choose(number) });
    return h("div", { class: "row nowrap" }, dot, layer.input);
  }

  async check(layer) {
    if (!layer.objective) { layer.input.setAttribute("aria-invalid", "false"); return; }
    const { model, weights, engine } = this.app.state;
    const told = await this.app.api.post("/studio/wish", { model, weights, engine, words: layer.objective }).catch((error) => ({ error: error.message }));
    layer.input.setAttribute("aria-invalid", String(Boolean(told.error)));
    if (told.error) this.app.toast(told.error, "bad");
  }

  choose(number) {
    this.at = number;
    this.erase(false);
    this.layers.forEach((layer, each) => layer.pick.setAttribute("aria-pressed", String(each === number)));
  }

  erase(on) { this.erasing = on; this.eraser.setAttribute("aria-pressed", String(on)); }

  entered() {
    const { input } = this.app.state;
    this.empty.hidden = Boolean(input);
    this.frame.hidden = this.tools.hidden = this.said.hidden = !input;
    if (input && this.ready !== this.keyOf(input)) this.begin(input);
  }

  keyOf(input) { return input.example ? "example" : input.key; }

  changePhoto() {
    if (this.app.state.input && this.keyOf(this.app.state.input) === this.ready) return;
    if (this.app.state.masks.length) { this.app.store.set({ masks: [] }); this.app.toast("The masks of the last photo are gone: paint anew."); }
    this.ready = null;
    if (!this.element.hidden && this.element.isConnected) this.entered();
  }

  async begin(input) {
    this.ready = this.keyOf(input);
    this.photo.src = input.example ? "/page/astronaut.jpg" : `${thumbOf(input)}?side=1600`;
    await this.photo.decode().catch(() => {});
    const width = input.width || this.photo.naturalWidth, height = input.height || this.photo.naturalHeight;
    const scale = Math.min(1, LARGEST / Math.max(width, height));
    for (const canvas of [this.board, ...this.layers.map((layer) => layer.canvas)]) { canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale); }
    this.frame.style.setProperty("--ratio", width / height);
    this.brush.input.max = Math.round(this.board.width / 3);
    this.brush.show(Math.round(this.board.width / 14));
    this.past = [];
    this.future = [];
    for (const layer of this.layers) { layer.painted = false; layer.objective = ""; layer.input.value = ""; }
    await this.recall();
    this.draw();
  }

  // Masks that came with a picture are drawn back onto the board.
  async recall() {
    for (const [number, mask] of this.app.state.masks.entries()) {
      const layer = this.layers.find((each) => each.color === mask.color) || this.layers[number % COLORS.length];
      const image = new Image();
      image.src = `/studio/uploads/${encodeURIComponent(mask.key)}/mask`;
      try { await image.decode(); } catch { continue; }
      layer.canvas.getContext("2d", READS).drawImage(image, 0, 0, layer.canvas.width, layer.canvas.height);
      tint(layer);
      layer.painted = true;
      layer.objective = layer.input.value = mask.objective || "";
      layer.key = mask.key;
    }
  }

  draw() {
    const context = this.board.getContext("2d", READS);
    context.clearRect(0, 0, this.board.width, this.board.height);
    context.globalAlpha = 0.55;
    for (const layer of this.layers) context.drawImage(layer.canvas, 0, 0);
  }

  listen() {
    const { board } = this;
    let last = null;
    const place = (event) => {
      const box = board.getBoundingClientRect();
      return { x: (event.clientX - box.left) * board.width / box.width, y: (event.clientY - box.top) * board.height / box.height };
    };
    const stroke = (from, to, pressure) => {
      const context = this.layers[this.at].canvas.getContext("2d", READS);
      context.globalCompositeOperation = this.erasing ? "destination-out" : "source-over";
      context.strokeStyle = this.layers[this.at].color;
      context.lineCap = context.lineJoin = "round";
      context.lineWidth = Number(this.brush.input.value) * (pressure && pressure !== 0.5 ? 0.4 + 1.2 * pressure : 1);
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x + 0.01, to.y);
      context.stroke();
      this.draw();
    };
    board.onpointerdown = (event) => {
      if (event.button > 0) return;
      board.setPointerCapture(event.pointerId);
      board.focus();
      this.remember();
      last = place(event);
      stroke(last, last, event.pressure);
      event.preventDefault();
    };
    board.onpointermove = (event) => {
      if (!last) return;
      for (const each of event.getCoalescedEvents?.() || [event]) { const next = place(each); stroke(last, next, each.pressure); last = next; }
    };
    board.onpointerup = board.onpointercancel = () => { if (last) { last = null; this.send(this.layers[this.at]); } };
    board.onkeydown = (event) => {
      const { input } = this.brush;
      if (event.key === "[" || event.key === "]") { input.value = Number(input.value) * (event.key === "]" ? 1.2 : 1 / 1.2); input.dispatchEvent(new Event("input")); }
      else if (event.key === "e") this.erase(!this.erasing);
      else if (/^[1-6]$/.test(event.key)) this.choose(Number(event.key) - 1);
      else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { if (event.shiftKey) this.redo(); else this.undo(); event.preventDefault(); }
    };
  }

  snapshot(number = this.at) {
    const { canvas } = this.layers[number];
    return { number, pixels: canvas.getContext("2d", READS).getImageData(0, 0, canvas.width, canvas.height) };
  }

  remember() {
    this.past = [...this.past.slice(-14), this.snapshot()];
    this.future = [];
  }

  undo() { this.swap(this.past, this.future); }

  redo() { this.swap(this.future, this.past); }

  swap(from, to) {
    const last = from.pop();
    if (!last) return;
    to.push(this.snapshot(last.number));
    this.layers[last.number].canvas.getContext("2d", READS).putImageData(last.pixels, 0, 0);
    this.draw();
    this.send(this.layers[last.number]);
  }

  fill() {
    this.remember();
    const layer = this.layers[this.at], context = layer.canvas.getContext("2d", READS);
    context.globalCompositeOperation = "source-over";
    context.fillStyle = layer.color;
    context.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
    this.draw();
    this.send(layer);
  }

  clear() {
    this.remember();
    const { canvas } = this.layers[this.at];
    canvas.getContext("2d", READS).clearRect(0, 0, canvas.width, canvas.height);
    this.draw();
    this.send(this.layers[this.at]);
  }

  // A color becomes a picture whose opaque places are the region; one over nothing is none.
  async send(layer) {
    const number = (layer.sent = (layer.sent || 0) + 1);
    if (!covers(layer.canvas)) {
      if (layer.key) { this.drop(layer); this.app.toast(`Nothing is painted in ${layer.name} any more.`); }
      return;
    }
    const blob = await new Promise((done) => layer.canvas.toBlob(done, "image/png"));
    try {
      const upload = await this.app.api.upload(new File([blob], `mask-${layer.name}.png`, { type: "image/png" }));
      if (number !== layer.sent) return;
      layer.key = upload.key;
      const mask = { key: upload.key, objective: layer.objective, color: layer.color, name: layer.name };
      this.app.store.set({ masks: [...this.app.state.masks.filter((each) => each.color !== layer.color), mask] });
    } catch (error) { this.app.toast(error.message, "bad"); }
  }

  // What was taken away elsewhere is not on the board any more.
  forget() {
    const kept = new Set(this.app.state.masks.map((each) => each.key));
    for (const layer of this.layers) {
      if (!layer.key || kept.has(layer.key)) continue;
      layer.key = null;
      layer.canvas.getContext("2d", READS).clearRect(0, 0, layer.canvas.width, layer.canvas.height);
    }
    this.draw();
  }

  drop(layer) {
    layer.key = null;
    this.app.store.set({ masks: this.app.state.masks.filter((each) => each.color !== layer.color) });
  }
}

function covers(canvas) {
  const { data } = canvas.getContext("2d", READS).getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 3; at < data.length; at += 4) if (data[at] > 127) return true;
  return false;
}

// What was drawn back has the color of its layer, and its own opacity.
function tint(layer) {
  const context = layer.canvas.getContext("2d", READS);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = layer.color;
  context.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
  context.globalCompositeOperation = "source-over";
}
