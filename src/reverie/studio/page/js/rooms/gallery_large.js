// One picture of the gallery, large: what it was before, how it was made, and what can be done with it.
import { bytes, duration, h, newId } from "../dom.js";
import { compare, copyBox, fold } from "../parts.js";
import { addressOf, fresh } from "./gallery.js";

const FORMATS = [["png", "PNG"], ["jpg", "JPEG"], ["webp", "WebP"], ["avif", "AVIF"], ["tif", "TIFF"]];
const SHOWN = /\.(png|jpe?g|webp|avif|gif|apng)$/i;  // what a browser shows by itself
const HEAVY = 24e6;                                   // bytes above which a smaller picture is shown in its place
const UNDO = 12000;

export function openLarge(app, wall, item) { new Large(app, wall).show(item); }

class Large {
  constructor(app, wall) {
    this.app = app;
    this.wall = wall;
    const id = newId("large");
    this.name = h("h2", { id });
    this.back = h("button", { type: "button", class: "step back", "aria-label": "The one before (left arrow)", onclick: () => this.step(-1) }, "‹");
    this.on = h("button", { type: "button", class: "step on", "aria-label": "The next one (right arrow)", onclick: () => this.step(1) }, "›");
    this.picture = h("div", { class: "frame-inside" });
    this.facts = h("dl", { class: "facts" });
    this.buttons = h("div", { class: "row" });
    this.rest = h("div", { class: "stack" });
    this.ask = h("div", { class: "ask stack tight", hidden: true, role: "alertdialog", "aria-label": "Delete it?" });
    const close = h("button", { type: "button", class: "quiet icon close", "aria-label": "Close", onclick: () => this.dialog.close() }, "✕");
    this.tell = h("div", { class: "tell", tabIndex: 0, role: "group", "aria-label": "How it was made" },
      h("div", { class: "row spread" }, h("div", { class: "grow" }, this.name), close), this.buttons, this.ask, this.facts, this.rest);
    this.dialog = h("dialog", { class: "large", "aria-labelledby": id, onkeydown: (event) => this.key(event), onclick: (event) => { if (event.target === this.dialog) this.dialog.close(); } },
      h("div", { class: "inside" }, h("div", { class: "frame" }, this.back, this.picture, this.on), this.tell));
    this.dialog.addEventListener("close", () => { this.stopFilms(); this.dialog.remove(); this.wall.focus(this.item.name); });
  }

  show(item) {
    this.item = item;
    this.name.textContent = item.name;
    this.back.disabled = !this.wall.neighbor(item.name, -1);
    this.on.disabled = !this.wall.neighbor(item.name, 1);
    this.ask.hidden = true;
    this.stopFilms();
    this.showPicture();
    this.rest.replaceChildren();
    this.tellFacts({ ...item, facts: item.wish ? [["Wish", item.wish]] : [] });
    this.offer({ ...item, toml: null });
    if (!this.dialog.isConnected) { document.body.append(this.dialog); this.dialog.showModal(); this.tell.focus({ preventScroll: true }); }
    this.learn(item);
  }

  get file() {
    const { item } = this;
    return SHOWN.test(item.name) && item.bytes < HEAVY ? `${addressOf(item)}?${fresh(item)}` : addressOf(item, `/thumb?side=2048&${fresh(item)}`);
  }

  showPicture() {
    const { item } = this;
    const lost = () => { this.picture.replaceChildren(h("p", { class: "lost" }, "This cannot be shown here. It can be downloaded.")); };
    this.picture.classList.toggle("sized", Boolean(item.width));
    this.picture.style.setProperty("--natural", item.width);
    this.picture.style.setProperty("--ratio", item.width / item.height);
    const moving = item.film && !/\.(gif|webp|apng|png)$/i.test(item.name);
    this.picture.replaceChildren(moving
      ? h("video", { src: `${addressOf(item)}?${fresh(item)}`, controls: true, loop: true, playsInline: true, autoplay: !matchMedia("(prefers-reduced-motion: reduce)").matches, muted: true, "aria-label": `Film ${item.name}`, onerror: lost })
      : h("img", { src: this.file, alt: item.wish ? `${item.name}, a dream of ${item.wish}` : item.name, onerror: lost }));
  }

  stopFilms() { for (const film of this.picture.querySelectorAll("video")) { film.pause(); film.removeAttribute("src"); film.load(); } }

  async learn(item) {
    let told;
    try { told = await this.app.api.get(addressOf(item, "/about")); } catch (error) {
      if (this.item === item) this.app.toast(error.message, "bad");
      return;
    }
    if (this.item !== item || !this.dialog.isConnected) return;
    this.tellFacts(told);
    this.offer(told);
    this.rest.replaceChildren(
      told.command ? h("div", { class: "stack tight" }, h("span", { class: "label" }, "Make it again at the command line"), copyBox(told.command, this.app)) : "",
      told.toml ? fold("The recipe", h("pre", { tabIndex: 0, role: "group", "aria-label": "The recipe, as TOML" }, told.toml)) : "",
      fold("The file", copyBox(told.path, this.app, "Where the file is")));
  }

  tellFacts(told) {
    const { item } = this;
    const facts = [...(told.facts || [])];
    if (told.width) facts.push(["Size", `${told.width} × ${told.height}, ${bytes(item.bytes)}`]); else facts.push(["Size", bytes(item.bytes)]);
    facts.push(["When", new Date(item.made * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })]);
    if (told.seconds !== undefined && told.seconds !== null) facts.push(["Took", duration(told.seconds)]);
    this.facts.replaceChildren(...facts.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]));
    if (told.toml === null) this.facts.append(h("dt", {}, "Recipe"), h("dd", {}, "none: it was not made here"));
  }

  // What can be done with it; buttons that stay keep the focus.
  offer(told) {
    const { item, app } = this;
    const button = (words, does, more = {}) => h("button", { type: "button", class: "small", onclick: does, ...more }, words);
    const shown = [
      told.toml && button("Open again", () => this.again(), { title: "Every control as it was" }),
      !item.film && button("Dream on", () => this.dreamOn(), { title: "As the photo of a new dream" }),
      told.before && button("Before / after", (event) => this.compare(event.currentTarget), { "aria-pressed": "false" }),
      button("Delete", () => this.askDelete())];
    this.buttons.replaceChildren(...shown.filter(Boolean), this.download(app));
  }

  download() {
    const { item } = this;
    if (item.film) return h("a", { class: "button small", href: addressOf(item, "/download"), download: item.name }, "Download");
    const own = FORMATS.find(([ending]) => item.name.toLowerCase().replace(/jpeg$/, "jpg").replace(/tiff$/, "tif").endsWith(`.${ending}`));
    const format = h("select", { "aria-label": "The format to take it home in" }, ...FORMATS.map(([value, name]) => h("option", { value }, name)));
    if (own) format.value = own[0];
    const go = h("button", { type: "button", class: "small", onclick: () => this.takeHome(format.value, go) }, "Download");
    return h("div", { class: "row take" }, go, format);
  }

  // Asked for here, not by a link: what cannot be written says why in one line.
  async takeHome(format, button) {
    const { item, app } = this;
    button.disabled = true;
    try {
      const answer = await fetch(addressOf(item, `/download?format=${format}`));
      if (!answer.ok) throw new Error((await answer.json()).error);
      const address = URL.createObjectURL(await answer.blob());
      const same = new RegExp(`\\.${format === "jpg" ? "jpe?g" : format === "tif" ? "tiff?" : format}$`, "i").test(item.name);
      const link = h("a", { href: address, download: same ? item.name : `${item.name.replace(/\.[^.]*$/, "")}.${format}` });
      this.dialog.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    } catch (error) { app.toast(error.message, "bad"); } finally { button.disabled = false; }
  }

  async compare(button) {
    if (button.getAttribute("aria-pressed") === "true") { button.setAttribute("aria-pressed", "false"); this.showPicture(); return; }
    button.setAttribute("aria-pressed", "true");
    this.picture.replaceChildren(compare(addressOf(this.item, `/before?side=2048&${fresh(this.item)}`), this.file, "The dream"));
  }

  async again() {
    const { item, app } = this;
    try {
      const state = await app.api.get(addressOf(item, "/state"));
      this.dialog.close();
      await app.restore(state, item.name);
    } catch (error) { app.toast(error.message, "bad"); }
  }

  async dreamOn() {
    const { item, app } = this;
    try {
      const upload = await app.api.post(addressOf(item, "/use"));
      this.dialog.close();
      app.store.set({ input: upload });
      app.go("dream");
      app.toast(`${item.name} is the photo now.`);
    } catch (error) { app.toast(error.message, "bad"); }
  }

  askDelete() {
    const yes = h("button", { type: "button", class: "small", onclick: () => this.remove() }, "Delete");
    this.ask.replaceChildren(h("span", {}, `Delete ${this.item.name} from the gallery's folder?`), h("div", { class: "row" }, yes,
      h("button", { type: "button", class: "small", onclick: () => { this.ask.hidden = true; this.tell.focus(); } }, "Keep it")));
    this.ask.hidden = false;
    yes.focus();
  }

  async remove() {
    const { item, app, wall } = this;
    const next = wall.neighbor(item.name, 1) || wall.neighbor(item.name, -1);
    try {
      const { key } = await app.api.remove(addressOf(item));
      this.ask.hidden = true;
      this.dialog.close();
      await wall.refresh();
      if (next) wall.focus(next.name);
      offerUndo(app, wall, item, key);
    } catch (error) { app.toast(error.message, "bad"); }
  }

  step(by) {
    const next = this.wall.neighbor(this.item.name, by);
    if (next) this.show(next);
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|VIDEO|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    this.step(by);
  }
}

function offerUndo(app, wall, item, key) {
  const undo = h("button", { type: "button", class: "undo", onclick: async () => {
    made.remove();
    try {
      const { name } = await app.api.post(`/studio/trash/${key}/back`);
      await wall.refresh();
      wall.focus(name);
    } catch (error) { app.toast(error.message, "bad"); }
  } }, "Undo");
  const made = h("div", { class: "toast" }, h("span", {}, `${item.name} is deleted.`), undo,
    h("button", { type: "button", class: "quiet icon small", "aria-label": "Close this message", onclick: () => made.remove() }, "✕"));
  document.getElementById("toasts").append(made);
  setTimeout(() => made.remove(), UNDO);
}
