// The picture in the middle: dreamed before the eyes, compared, strengthened, taken home.
import { duration, h, newestOnly, score } from "../dom.js";
import { compare, copyBox, curve, fold, steadyImage } from "../parts.js";
import { lookSliders, thumbOf, waitingWords } from "./dream_side.js";

const FORMATS = [["png", "PNG"], ["jpg", "JPEG"], ["webp", "WebP"], ["avif", "AVIF"], ["tif", "TIFF"]];
const OVER = ["done", "failed", "canceled"];

export function makeStage(app) {
  const it = new Stage(app);
  return { element: it.element, comeBack: () => it.comeBack() };
}

class Stage {
  constructor(app) {
    this.app = app;
    this.told = null;       // what the server said last of the dream that is shown
    this.stopListening = null;
    this.picture = steadyImage("The dream");
    this.photo = h("img", { alt: "The photo", onload: () => this.fit(this.photo) });
    this.frame = h("div", { class: "stage" }, this.photo, this.picture);
    this.bar = h("i", {});
    this.curve = curve("The score over the dream");
    this.numbers = h("div", { class: "numbers" });
    this.status = h("p", { class: "sr", role: "status" });
    this.go = h("button", { type: "button", class: "main", onclick: () => this.start() }, "Dream");
    this.stop = h("button", { type: "button", hidden: true, onclick: () => this.halt() }, "Stop");
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.goOn() }, "Go on");
    this.sides = h("button", { type: "button", hidden: true, "aria-pressed": "false", onclick: () => this.compare() }, "Before / after");
    this.take = this.downloads();
    this.command = copyBox("", app);
    this.commandFold = fold("The command line for this", this.command);
    this.commandFold.hidden = true;
    this.sliders = lookSliders(app, (look, done) => this.restyle(look, done));
    this.work = h("div", { class: "stack tight", hidden: true }, h("div", { class: "bar" }, this.bar), this.numbers, this.curve);
    this.element = h("div", { class: "center" }, this.frame, this.status,
      h("div", { class: "card stack" },
        h("div", { class: "row" }, this.go, this.stop, this.more, this.sides, this.take), this.work, this.sliders, this.commandFold));
    this.redraw = newestOnly((look, done) => this.askLook(look, done));
    app.store.addEventListener("change", (event) => { if ("input" in event.detail) this.showPhoto(); });
    this.showPhoto();
  }

  showPhoto() {
    const { input } = this.app.state;
    if (!input) return;
    const address = input.example ? "/page/astronaut.jpg" : `${thumbOf(input)}?side=1600`;
    if (this.photo.src.endsWith(address)) return;
    this.photo.src = address;
    if (this.running) return;
    this.told = null;
    this.uncompare();
    this.picture.hidden = true;
    this.photo.hidden = false;
    this.dress();
  }

  // What is shown takes the room that it would take as a picture of the photo's shape.
  fit(image) {
    this.frame.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
    this.frame.style.setProperty("--natural", this.app.state.input?.width || image.naturalWidth);
  }

  get running() { return this.told && !OVER.includes(this.told.state); }

  get side() { return Math.min(1600, Math.max(320, this.frame.clientWidth * Math.min(2, devicePixelRatio))); }

  async start() {
    if (this.running) return;
    const { app } = this;
    this.go.disabled = true;
    try {
      const told = await app.api.post("/studio/dreams", { ...app.store.asked(), state: app.state });
      this.command.show(told.command || "");
      app.store.set({ dream: told.key });
      this.curve.points = [];
      this.listen(told);
    } catch (error) { app.toast(error.message, "bad"); } finally { this.go.disabled = false; }
  }

  listen(told) {
    this.stopListening?.();
    this.told = told;
    this.uncompare();
    this.dress();
    this.stopListening = this.app.api.follow(told.key, this.side, (news) => this.hear(news));
  }

  hear(news) {
    this.told = { ...this.told, ...news };
    if (news.preview) { this.picture.show(news.preview); this.photo.hidden = true; }
    this.curve.points.push(...(news.scores || []));
    this.curve.draw();
    if (news.state === "failed") this.app.toast(news.error || "the dream failed", "bad");
    if (OVER.includes(news.state)) this.finish(news);
    this.dress();
  }

  // What was written takes the place of the last preview without a blink, and may be changed from here.
  finish(news) {
    if (news.item) this.picture.show(this.file(news.item));
    if (news.command) this.command.show(news.command);
    this.status.textContent = news.state === "done" ? "The dream is done." : news.state === "canceled" ? "The dream was stopped, and kept as far as it came." : "";
    document.dispatchEvent(new CustomEvent("made", { detail: news }));
  }

  file(item) { return `/studio/gallery/${encodeURIComponent(item)}?at=${Date.now()}`; }

  async halt() { await this.app.api.post(`/studio/dreams/${this.told.key}/stop`).catch((error) => this.app.toast(error.message, "bad")); }

  // What was stopped goes on where it was; what was finished is dreamed on, as a photo of its own.
  async goOn() {
    const { app, told } = this;
    try {
      if (told.resumable) { this.listen(await app.api.post(`/studio/dreams/${told.key}/resume`)); return; }
      const upload = await app.api.post(`/studio/gallery/${encodeURIComponent(told.item)}/use`);
      app.store.set({ input: upload });
      await this.start();
    } catch (error) { app.toast(error.message, "bad"); }
  }

  restyle(look, done) { if (this.told?.restylable && !this.running) this.redraw(look, done); }

  async askLook(look, done) {
    const settings = { strength: this.app.state.settings.strength ?? 1, features: this.app.state.settings.features ?? 0, ...look };
    try {
      const blob = await this.app.api.blob(`/studio/dreams/${this.told.key}/look`, { ...settings, save: done });
      const address = URL.createObjectURL(blob);
      await this.picture.show(address);
      this.slider?.show(address);
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    } catch (error) {
      if (error.status === 404) { this.told.restylable = false; this.app.toast("This dream is not in memory any more: dream it again to change its strength."); }
      else this.app.toast(error.message, "bad");
    }
  }

  compare() {
    if (this.slider) { this.uncompare(); return; }
    this.slider = compare(this.photo.src, this.picture.src, "The dream");
    this.frame.replaceChildren(this.slider);
    this.sides.setAttribute("aria-pressed", "true");
  }

  uncompare() {
    this.slider = null;
    this.frame.replaceChildren(this.photo, this.picture);
    this.sides.setAttribute("aria-pressed", "false");
  }

  downloads() {
    const format = h("select", { "aria-label": "The format to take it home in" }, ...FORMATS.map(([value, name]) => h("option", { value }, name)));
    const link = h("a", { class: "button", download: "", onclick: () => { link.href = `/studio/gallery/${encodeURIComponent(this.told.item)}/download?format=${format.value}`; } }, "Download");
    link.href = "#dream";
    format.style.width = "auto";
    return h("div", { class: "row", hidden: true }, link, format);
  }

  dress() {
    const { told } = this, over = told && !this.running;
    this.go.hidden = Boolean(this.running);
    this.go.textContent = told ? "Dream again" : "Dream";
    this.stop.hidden = !this.running;
    this.more.hidden = !(over && (told.resumable || told.item));
    this.more.textContent = told?.resumable ? "Go on" : "Dream on";
    this.sides.hidden = !(over && told.item);
    this.take.hidden = !(over && told.item);
    this.commandFold.hidden = !told?.command;
    this.work.hidden = !told;
    if (!told) return;
    const { news } = told;
    this.bar.style.width = `${100 * (told.state === "done" ? 1 : news?.share ?? 0)}%`;
    const words = told.state === "waiting" ? [waitingWords(told.before)] : !news ? ["Getting ready"] : [
      ["octave", `${news.octave + 1}/${news.octaves}`], ["step", news.place.split("step ")[1] || ""], ["size", `${news.size[1]} × ${news.size[0]}`],
      ["score", news.score === null ? "" : score(news.score)], over ? ["took", duration(news.seconds)] : ["left", duration(news.seconds_left)]];
    this.numbers.replaceChildren(...words.map((each) => Array.isArray(each) ? h("span", {}, `${each[0]} `, h("b", {}, each[1])) : h("span", {}, each)));
  }

  // A page that was loaded again finds the dream of its tab.
  async comeBack() {
    const key = this.app.state.dream;
    if (!key) return;
    try {
      const told = await this.app.api.get(`/studio/dreams/${encodeURIComponent(key)}`);
      if (told.kind !== "dream") return;
      this.curve.points = [];
      if (OVER.includes(told.state)) { this.told = told; this.curve.points = told.scores; this.curve.draw(); if (told.item) this.photo.hidden = true; this.finish(told); this.dress(); }
      else this.listen(told);
    } catch { this.app.store.set({ dream: null }); }
  }
}
