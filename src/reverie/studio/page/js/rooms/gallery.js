// Everything made here, newest first: a wall of pictures, each of which opens large.
import { h, newId } from "../dom.js";
import { copyBox } from "../parts.js";
import { openLarge } from "./gallery_large.js";

const PAGE = 60, LOOK = 5000;

export const gallery = {
  name: "gallery",
  title: "Gallery",
  mount(app, element) {
    this.wall = new Wall(app);
    element.append(this.wall.element);
    document.addEventListener("made", () => this.wall.refresh());
  },
  entered() { this.wall.watch(); },
  left() { this.wall.rest(); },
};

export const addressOf = (item, place = "") => `/studio/gallery/${encodeURIComponent(item.name)}${place}`;
export const fresh = (item) => `at=${item.made}-${item.bytes}`;

class Wall {
  constructor(app) {
    this.app = app;
    this.items = [];       // those that are shown, in their order
    this.count = 0;        // how many there are
    this.wanted = PAGE;    // how many shall be shown
    this.tiles = new Map();
    this.timer = null;
    const id = newId("search");
    this.words = h("input", { type: "search", id, placeholder: "A name, a wish, a network", autocomplete: "off", spellcheck: false, oninput: () => this.search() });
    this.kind = "";
    this.kinds = h("div", { class: "row kinds", role: "group", "aria-label": "What is shown" }, ...[["", "All"], ["pictures", "Pictures"], ["films", "Films"]].map(([kind, name]) =>
      h("button", { type: "button", class: "small", "aria-pressed": String(kind === ""), onclick: (event) => this.choose(kind, event.currentTarget) }, name)));
    this.told = h("p", { class: "soft", role: "status" });
    this.tilesElement = h("ul", { class: "tiles", "aria-label": "Pictures and films, newest first" });
    this.empty = h("div", { class: "empty card", hidden: true });
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.showMore() }, "More");
    this.folder = copyBox("", app, "The folder of the gallery");
    this.element = h("div", { class: "stack gallery" },
      h("div", { class: "row spread" }, h("h1", {}, "Gallery"),
        h("div", { class: "row tools" }, h("label", { htmlFor: id, class: "sr" }, "Search"), this.words, this.kinds)),
      this.told, this.tilesElement, this.empty, h("div", { class: "row center" }, this.more),
      h("div", { class: "where" }, h("span", { class: "soft" }, "Everything is kept in this folder. Pictures that you put there are shown, too."), this.folder));
  }

  watch() {
    this.refresh();
    clearInterval(this.timer);
    this.timer = setInterval(() => { if (!document.hidden) this.refresh(); }, LOOK);
  }

  rest() { clearInterval(this.timer); this.timer = null; }

  search() { clearTimeout(this.typing); this.typing = setTimeout(() => { this.wanted = PAGE; this.refresh(); }, 180); }

  choose(kind, button) {
    this.kind = kind;
    for (const each of this.kinds.children) each.setAttribute("aria-pressed", String(each === button));
    this.wanted = PAGE;
    this.refresh();
  }

  async showMore() {
    const first = this.items.length;
    this.wanted += PAGE;
    await this.refresh();
    this.tilesElement.children[first]?.querySelector("button")?.focus();
  }

  // What is there now. Only the newest question is answered; tiles that stay are left as they are.
  async refresh() {
    const asked = this.asked = (this.asked || 0) + 1;
    const query = new URLSearchParams({ count: this.wanted, words: this.words.value, kind: this.kind });
    let found;
    try { found = await this.app.api.get(`/studio/gallery?${query}`); } catch (error) {
      if (!this.items.length && asked === this.asked) this.tellEmpty(error.message);
      return;
    }
    if (asked !== this.asked) return;
    this.items = found.items;
    this.count = found.count;
    if (this.folder.querySelector("code").textContent !== found.folder) this.folder.show(found.folder);
    this.draw();
  }

  draw() {
    const kept = new Map();
    const shown = this.items.map((item) => {
      const key = `${item.name} ${fresh(item)}`;
      const tile = this.tiles.get(key) || makeTile(item, () => this.open(item.name));
      kept.set(key, tile);
      return tile;
    });
    this.tiles = kept;
    place(this.tilesElement, shown);
    this.more.hidden = this.items.length >= this.count;
    this.tilesElement.hidden = !this.items.length;
    const searched = this.words.value.trim() || this.kind;
    const mixed = !this.kind && this.items.some((each) => each.film);
    const one = this.kind === "films" || (mixed && this.count === 1) ? "film" : "picture";
    const many = `${this.count} ${this.count === 1 ? one : mixed ? "pictures and films" : `${one}s`}`;
    const told = !this.items.length ? "" : this.more.hidden ? many : `${this.items.length} of ${many}`;
    if (this.told.textContent !== told) this.told.textContent = told;
    this.told.hidden = !told;
    this.empty.hidden = Boolean(this.items.length);
    if (!this.items.length) this.tellEmpty(searched ? "Nothing here is called that, or wishes for it." : null);
  }

  tellEmpty(words) {
    this.empty.hidden = false;
    const text = words || "Nothing has been made yet.";
    if (this.empty.dataset.told === text) return;
    this.empty.dataset.told = text;
    this.empty.replaceChildren(h("p", {}, text), words ? "" : h("p", {}, h("a", { href: "#dream" }, "Dream a photo"), ", and it is here."));
  }

  // The items around one that is open, for the arrow keys; more are shown as the end comes near.
  neighbor(name, by) {
    const at = this.items.findIndex((each) => each.name === name);
    if (by > 0 && at >= this.items.length - 5 && this.items.length < this.count) { this.wanted += PAGE; this.refresh(); }
    return at < 0 ? null : this.items[at + by] || null;
  }

  open(name) {
    const item = this.items.find((each) => each.name === name);
    if (item) openLarge(this.app, this, item);
  }

  focus(name) { this.items.forEach((each, n) => { if (each.name === name) this.tilesElement.children[n]?.querySelector("button")?.focus(); }); }
}

// Puts elements into a parent in order and moves none that is in its place, so that the focus stays where it is.
function place(parent, elements) {
  const wanted = new Set(elements);
  for (const each of [...parent.children]) if (!wanted.has(each)) each.remove();
  elements.forEach((each, n) => { if (parent.children[n] !== each) parent.insertBefore(each, parent.children[n] || null); });
}

function makeTile(item, open) {
  const picture = h("img", { alt: "", loading: "lazy", decoding: "async", src: addressOf(item, `/thumb?side=480&${fresh(item)}`) });
  const caption = h("span", { class: "caption", "aria-hidden": "true" }, item.wish || item.name);
  const words = `${item.film ? "Film" : "Picture"} ${item.name}${item.wish ? `: ${item.wish}` : ""}`;
  const button = h("button", { type: "button", "aria-label": words, title: item.name, onclick: open }, picture, item.film && h("span", { class: "play", "aria-hidden": "true" }, "▶"), caption);
  const tile = h("li", {}, button);
  const shape = (width, height) => { tile.style.setProperty("--ratio", Math.min(3.2, Math.max(0.5, width / height || 1)).toFixed(4)); };
  shape(item.width, item.height);
  if (item.width) { picture.width = item.width; picture.height = item.height; }
  picture.onload = () => { if (!item.width) shape(picture.naturalWidth, picture.naturalHeight); };
  picture.onerror = () => { picture.remove(); button.prepend(h("span", { class: "blank" }, item.name)); };
  return tile;
}
