// Every layer of the network, and every channel of one, as pictures that fill in while nobody dreams.
import { h } from "../dom.js";

const ASK_AGAIN = 1200;
const BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

export class LayerWall {
  constructor(app, wish) {
    this.app = app;
    this.wish = wish;
    this.layer = null;
    this.waiting = new Map();  // an image that is not made yet -> its channel, or its layer
    this.seen = new Set();     // those of them that are on the screen
    this.layers = h("div", { class: "wall of-layers" });
    this.title = h("h2", {}, "");
    this.channels = h("div", { class: "wall of-channels" });
    this.note = h("p", { class: "soft", role: "status" });
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.addChannels() }, "More channels");
    this.inside = h("div", { class: "card stack", hidden: true }, h("div", { class: "row spread" }, this.title, h("button", { type: "button", class: "quiet", onclick: () => this.close() }, "Close")), this.channels, this.more);
    this.element = h("div", { class: "stack" }, h("p", { class: "soft" }, "Low layers see lines and textures, high ones eyes and dogs. Choose a layer, or open it and choose among its channels."), this.note, this.layers, this.inside);
    this.looker = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) { if (isIntersecting) this.seen.add(target); else this.seen.delete(target); }
      this.soon();
    }, { rootMargin: "300px" });
    wish.addEventListener("change", () => this.mark());
    app.store.addEventListener("change", (event) => { if ("model" in event.detail || "input" in event.detail || "weights" in event.detail) this.stale = true; });
    this.stale = true;
  }

  entered() { this.here = true; if (this.stale) this.load(); else this.soon(); }

  left() { this.here = false; clearTimeout(this.timer); }

  get query() {
    const { model, weights, engine, input } = this.app.state;
    const said = { model, engine, ...(weights ? { weights } : {}), ...(input && !input.example ? { input: input.key } : {}) };
    return new URLSearchParams(said).toString();
  }

  async load() {
    this.stale = false;
    this.close();
    this.note.textContent = "Looking into the network";
    try {
      const { layers } = await this.app.api.post("/studio/layers", this.wish.network());
      this.known = layers;
      this.note.textContent = "";
    } catch (error) { this.note.textContent = error.message; this.layers.replaceChildren(); return; }
    this.waiting.clear();
    this.layers.replaceChildren(...this.known.map((each) => this.layerTile(each)));
    this.mark();
  }

  layerTile(each) {
    const image = this.image(`What ${each.layer} makes of the photo`, { layer: each.layer });
    const choose = h("button", { type: "button", class: "choose", "aria-pressed": "false", title: `Wish for ${each.layer}`, onclick: () => this.wish.toggle({ words: `${each.words}^2`, kind: "layer", layer: each.layer, power: 2 }) }, image, h("span", {}, each.layer));
    choose.dataset.words = each.words;
    return h("div", { class: "pick" }, choose,
      h("button", { type: "button", class: "small quiet", onclick: () => this.open(each) }, `${each.channels} channels`));
  }

  image(alt, what) {
    const made = h("img", { alt, class: "face waiting", src: BLANK });
    this.waiting.set(made, what);
    this.looker.observe(made);
    return made;
  }

  open(each) {
    this.layer = each;
    this.title.textContent = `${each.layer}: what its channels want to see${each.sees ? `, in ${each.sees} pixels` : ""}`;
    this.channels.replaceChildren();
    this.shown = 0;
    this.inside.hidden = false;
    this.addChannels();
    this.inside.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  addChannels() {
    const { layer } = this;
    const until = Math.min(layer.channels, this.shown + 48);
    for (let number = this.shown; number < until; number++) {
      const words = `${layer.words}:${number}`;
      const choose = h("button", { type: "button", class: "choose", "aria-pressed": "false", title: `Wish for ${words}`, onclick: () => this.wish.toggle({ words, kind: "channel", layer: layer.layer, channel: number, power: 1 }) }, this.image(`Channel ${number}`, { channel: number }), h("span", {}, String(number)));
      choose.dataset.words = words;
      this.channels.append(choose);
    }
    this.shown = until;
    this.more.hidden = until >= layer.channels;
    this.mark();
  }

  close() {
    for (const image of this.channels.querySelectorAll("img")) { this.waiting.delete(image); this.looker.unobserve(image); this.seen.delete(image); }
    this.layer = null;
    this.inside.hidden = true;
    this.channels.replaceChildren();
  }

  mark() { for (const choose of this.element.querySelectorAll(".choose")) choose.setAttribute("aria-pressed", String(this.wish.has(choose.dataset.words))); }

  soon() { clearTimeout(this.timer); this.timer = setTimeout(() => this.ask(), 150); }

  // Asks for what is on the screen and not there yet, again and again until all of it is.
  async ask() {
    const seen = [...this.waiting].filter(([image]) => this.seen.has(image) && image.isConnected);
    const channels = seen.filter(([, what]) => "channel" in what), layers = seen.filter(([, what]) => "layer" in what);
    if (!this.here || !seen.length) return;
    const { input } = this.app.state, network = this.wish.network();
    try {
      if (layers.length) {
        const there = await this.app.api.post("/studio/tiles", { ...network, input: input && !input.example ? input.key : null, layers: layers.map(([, what]) => what.layer) });
        this.fill(layers, "layer", there.layers, (name) => `/studio/tiles/photo/${encodeURIComponent(name)}?${this.query}`);
      }
      if (channels.length && this.layer) {
        const there = await this.app.api.post("/studio/tiles", { ...network, layer: this.layer.layer, channels: channels.map(([, what]) => what.channel) });
        this.fill(channels, "channel", there.channels, (number) => `/studio/tiles/channel/${encodeURIComponent(this.layer.layer)}/${number}?${this.query}`);
      }
    } catch (error) { this.note.textContent = error.message; return; }
    this.timer = setTimeout(() => this.ask(), ASK_AGAIN);
  }

  fill(images, name, there, address) {
    const found = new Set(there);
    for (const [image, what] of images) {
      if (!found.has(what[name])) continue;
      this.waiting.delete(image);
      this.looker.unobserve(image);
      image.src = address(what[name]);
      image.classList.remove("waiting");
    }
  }
}
