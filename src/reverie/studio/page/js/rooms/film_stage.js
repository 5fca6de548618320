// What is seen in the film room: the film, one frame of its dream, the dream as it comes, and the film that was made.
import { bytes, duration, h } from "../dom.js";
import { compare, steadyImage } from "../parts.js";
import { thumbOf, waitingWords } from "./dream_side.js";
import { askedFilm, change, clock, countFrames, filmingOf, rangeOf, settingOf } from "./film_state.js";
import { stillOf } from "./film_strip.js";

const OVER = ["done", "failed", "canceled"], MANY = 600, FEW_SECONDS = 5;
const PICTURES = /\.(gif|webp|apng|png)$/i;

export class FilmStage {
  constructor(app, strip) {
    this.app = app;
    this.strip = strip;
    this.told = null;         // what the server said last of the film that is being made, or was
    this.tried = null;        // {first, following, asked}: how long a frame took
    this.view = "input";
    this.player = null;
    this.live = steadyImage("The dream, frame by frame");
    this.pictureBox = h("div", { class: "picture" });
    this.frame = h("div", { class: "stage film-stage" }, this.pictureBox);
    this.views = h("div", { class: "row views", role: "group", "aria-label": "What is shown" });
    this.bar = h("i", {});
    this.numbers = h("div", { class: "numbers" });
    this.work = h("div", { class: "stack tight", hidden: true }, h("div", { class: "bar" }, this.bar), this.numbers);
    this.estimate = h("p", { class: "soft estimate", role: "status" });
    this.few = h("button", { type: "button", class: "small", hidden: true, onclick: () => this.onlyFew() }, `Only ${FEW_SECONDS} seconds of it`);
    this.go = h("button", { type: "button", class: "main", onclick: () => this.start() }, "Dream the film");
    this.tryIt = h("button", { type: "button", onclick: () => this.tryFrame() }, "Try one frame");
    this.stop = h("button", { type: "button", hidden: true, onclick: () => this.halt() }, "Stop");
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.goOn() }, "Go on");
    this.take = h("a", { class: "button", hidden: true, download: "" }, "Download");
    this.element = h("div", { class: "center" }, this.frame, strip.element,
      h("div", { class: "card stack" }, h("div", { class: "row" }, this.go, this.tryIt, this.stop, this.more, this.take),
        this.work, h("div", { class: "row" }, this.estimate, this.few)));
    this.shownKind = this.shownKey = undefined;
    app.store.addEventListener("change", () => this.dress());
    this.strip.moved = (seconds) => this.seek(seconds);
    this.dress();
  }

  get running() { return this.told && !OVER.includes(this.told.state); }

  get side() { return Math.min(1280, Math.max(320, this.frame.clientWidth * Math.min(2, devicePixelRatio))); }

  get source() {
    const { kind } = filmingOf(this.app);
    return kind === "film" ? this.app.state.film : this.app.state.input;
  }

  // The time of the frame to try: where the film stands, if that is within what is chosen, else its middle.
  get at() {
    const { kind } = filmingOf(this.app);
    if (kind === "zoom") return 0;
    if (kind === "morph") return settingOf(this.app, "morph", "seconds") / 2;
    const [begin, end] = rangeOf(this.app), now = this.sought;
    return now !== null && now !== undefined && now >= begin && now < end ? now : (begin + end) / 2;
  }

  seek(seconds) {
    this.sought = Math.min(seconds, this.app.state.film.seconds - 1 / this.app.state.film.rate);
    if (this.player?.tagName === "VIDEO") this.player.currentTime = this.sought;
    else if (this.player && this.lookAt) this.lookAt(this.sought);
    this.strip.showHead(this.sought);
  }

  // The film as it was dropped: played by the browser where it can, else picture by picture.
  showInput() {
    const { kind } = filmingOf(this.app), source = this.source;
    this.player = this.lookAt = null;
    if (!source) { this.pictureBox.replaceChildren(); return; }
    this.fit(source.width, source.height);
    if (kind !== "film") {
      const photo = h("img", { alt: "The photo", src: source.example ? "/page/astronaut.jpg" : `${thumbOf(source)}?side=1600`, onload: () => this.fit(photo.naturalWidth, photo.naturalHeight) });
      this.pictureBox.replaceChildren(photo);
      return;
    }
    if (PICTURES.test(source.name)) { this.showStills(source); return; }
    const film = h("video", { controls: true, playsInline: true, preload: "auto", src: `/studio/uploads/${encodeURIComponent(source.key)}/file`, "aria-label": `The film ${source.name}` });
    const told = () => { this.sought = film.currentTime; this.strip.showHead(film.currentTime); this.tellTime(); };
    film.addEventListener("timeupdate", told);
    film.addEventListener("seeked", told);
    film.addEventListener("loadedmetadata", () => { if (!film.videoWidth) this.showStills(source); else if (this.sought) film.currentTime = this.sought; });
    film.addEventListener("error", () => { if (this.player === film) this.showStills(source); });
    this.player = film;
    this.pictureBox.replaceChildren(film);
  }

  showStills(film) {
    const picture = steadyImage(`A picture of ${film.name}`);
    picture.hidden = false;
    const input = h("input", { type: "range", min: 0, max: film.seconds - 1 / film.rate, step: "any", "aria-label": "Where in the film", oninput: () => this.lookAt(Number(input.value)) });
    input.value = this.sought || this.at;
    this.lookAt = (seconds) => {
      this.sought = seconds;
      input.value = seconds;
      input.setAttribute("aria-valuetext", clock(seconds));
      picture.show(stillOf(film, seconds, 1024));
      this.strip.showHead(seconds);
      this.tellTime();
    };
    this.player = picture;
    this.pictureBox.replaceChildren(h("div", { class: "stills" }, picture, input));
    const moving = PICTURES.test(film.name) ? "" : h("p", { class: "soft" }, "This browser cannot play it. It is shown picture by picture, and can be dreamed all the same.");
    if (moving) this.pictureBox.firstChild.append(moving);
    this.lookAt(Number(input.value));
  }

  fit(width, height) {
    if (!width || !height) return;
    this.frame.style.setProperty("--ratio", width / height);
    this.frame.style.setProperty("--natural", Math.max(width, 480));
  }

  show(view) {
    if (this.view === "input" && this.player?.pause) this.player.pause();
    this.view = view;
    if (view === "input") this.showInput();
    if (view === "try") this.pictureBox.replaceChildren(this.tried.slider);
    if (view === "live") this.pictureBox.replaceChildren(this.live);
    if (view === "made") this.showMade();
    this.dressViews();
  }

  showMade() {
    const name = this.told.item, address = `/studio/gallery/${encodeURIComponent(name)}?at=${this.told.key}`;
    if (PICTURES.test(name)) { this.pictureBox.replaceChildren(h("img", { src: address, alt: `The dream, ${name}` })); return; }
    const lost = () => this.pictureBox.replaceChildren(h("p", { class: "lost" }, "This browser cannot play this format. It can be downloaded."));
    this.pictureBox.replaceChildren(h("video", { src: address, controls: true, loop: true, playsInline: true, autoplay: !matchMedia("(prefers-reduced-motion: reduce)").matches, muted: true, "aria-label": `The dream, ${name}`, onerror: lost }));
  }

  dressViews() {
    const { kind } = filmingOf(this.app);
    const views = [["input", kind === "film" ? "The film" : "The photo", this.source], ["try", "One frame", this.tried?.slider], ["live", "As it comes", this.told && !this.told.item && (this.running || !this.live.hidden)], ["made", "The dream", this.told?.item]];
    this.views.replaceChildren(...views.filter((each) => each[2]).map(([view, words]) =>
      h("button", { type: "button", class: "small", "aria-pressed": String(this.view === view), onclick: () => this.show(view) }, words)));
    this.views.hidden = this.views.children.length < 2;
  }

  async tryFrame() {
    const { app } = this, at = this.at, { kind } = filmingOf(app), source = this.source;
    this.busy = true;
    this.dress();
    try {
      const asked = askedFilm(app), told = await app.api.post("/studio/films/frame", { ...asked, at });
      const before = kind === "film" ? stillOf(source, at, 1280) : source?.example || !source ? "/page/astronaut.jpg" : `${thumbOf(source)}?side=1280`;
      let picture = null, took = null;
      this.estimate.textContent = "One frame is dreamed …";
      await new Promise((done) => app.api.follow(told.key, this.side, (news) => {
        if (news.preview) picture = news.preview;
        if (news.parts?.length) took = news.parts[0];
        if (news.state === "waiting") this.estimate.textContent = waitingWords(news.before);
        if (news.state === "failed") app.toast(news.error || "the frame failed", "bad");
        if (OVER.includes(news.state)) done();
      }));
      if (picture) {
        this.tried = { ...took, asked: this.weigh(asked), slider: compare(before, picture, "The dream") };
        this.show("try");
      }
    } catch (error) { app.toast(error.message, "bad"); } finally { this.busy = false; this.dress(); }
  }

  // What decides how long a frame takes.
  weigh(asked) { return JSON.stringify([asked.dream.settings, asked.dream.model, asked.dream.preset, asked.dream.input, asked.motion.frame_steps, asked.motion.flow]); }

  tellTime() {
    const { app } = this, frames = countFrames(app);
    if (!this.source) { this.estimate.textContent = ""; this.few.hidden = true; return; }
    const where = filmingOf(app).kind === "film" ? ` The one that is tried is at ${clock(this.at)}.` : "";
    const same = this.tried?.first !== undefined && this.source && this.tried.asked === this.weigh(askedFilm(app));
    const seconds = same ? this.tried.first + (frames - 1) * (this.tried.following ?? this.tried.first) : null;
    const many = `${frames} ${frames === 1 ? "frame" : "frames"}`;
    const words = seconds !== null ? `${many} ${frames === 1 ? "takes" : "take"} about ${duration(Math.max(1, seconds))} on this machine.`
      : `${many}. Try one frame, and it is known how long all of them take.`;
    if (!this.busy) this.estimate.textContent = this.running ? "" : words + where;
    this.few.hidden = this.running || filmingOf(app).kind !== "film" || !(seconds > 600 || (seconds === null && frames > MANY));
  }

  onlyFew() {
    const { film } = this.app.state, [begin] = rangeOf(this.app);
    change(this.app, { range: [begin, Math.min(film.seconds, begin + FEW_SECONDS)] });
  }

  async start() {
    if (this.running) return;
    const { app } = this;
    this.busy = true;
    this.dress();
    try {
      const told = await app.api.post("/studio/films", { ...askedFilm(app), state: app.state });
      change(app, { dream: told.key });
      this.listen(told);
    } catch (error) { app.toast(error.message, "bad"); } finally { this.busy = false; this.dress(); }
  }

  listen(told) {
    this.stopListening?.();
    this.told = { ...told, item: null };
    this.live.hidden = true;
    this.show("live");
    this.dress();
    this.stopListening = this.app.api.follow(told.key, this.side, (news) => this.hear(news));
  }

  hear(news) {
    this.told = { ...this.told, ...news };
    if (news.preview) this.live.show(news.preview);
    if (news.news && !this.source) this.fit(news.news.size[1], news.news.size[0]);
    if (news.state === "failed") this.app.toast(news.error || "the film failed", "bad");
    if (OVER.includes(news.state)) this.finish();
    this.dress();
  }

  finish() {
    const { told } = this;
    if (told.item) { this.show("made"); document.dispatchEvent(new CustomEvent("made", { detail: told })); }
    else if (told.state === "failed" || !told.news) this.show("input");
    this.ended?.(told);
  }

  async halt() { await this.app.api.post(`/studio/dreams/${this.told.key}/stop`).catch((error) => this.app.toast(error.message, "bad")); }

  async goOn() {
    try { this.listen(await this.app.api.post(`/studio/dreams/${this.told.key}/resume`)); } catch (error) { this.app.toast(error.message, "bad"); }
  }

  dress() {
    const { kind } = filmingOf(this.app), { told } = this;
    if (this.shownKind !== kind || this.shownKey !== (this.source?.key ?? this.source?.example)) {
      if (this.shownKey !== undefined || this.shownKind !== undefined) this.tried = null;
      [this.shownKind, this.shownKey, this.sought] = [kind, this.source?.key ?? this.source?.example, null];
      this.strip.showHead(null);
      if (!this.running) { if (told) this.told = null; this.show("input"); }
    }
    this.strip.element.hidden = kind !== "film" || !this.source;
    this.go.disabled = this.tryIt.disabled = !this.source || this.busy;
    const words = { film: "Dream the film", zoom: "Dream the zoom", morph: "Dream the morph" }[kind];
    if (this.go.textContent !== words) this.go.textContent = words;
    this.go.hidden = this.tryIt.hidden = Boolean(this.running);
    this.stop.hidden = !this.running;
    this.more.hidden = !(told && !this.running && told.resumable);
    this.take.hidden = !(told?.item && !this.running);
    if (told?.item) { this.take.href = `/studio/gallery/${encodeURIComponent(told.item)}/download`; this.take.download = told.item; }
    this.dressWork();
    this.dressViews();
    this.tellTime();
    this.changed?.();
  }

  dressWork() {
    const told = this.told;
    this.work.hidden = !told;
    if (!told) return;
    const { news } = told, over = !this.running;
    this.bar.style.width = `${100 * (told.state === "done" ? 1 : news?.share ?? 0)}%`;
    const [frame, shot] = (news?.place || "").split(", ").map((each) => each.replace(/^(frame|shot) /, ""));
    const items = told.state === "waiting" ? [waitingWords(told.before)] : !news ? [over ? "Nothing was made." : told.stage || "Getting ready"]
      : [["frame", frame], shot && ["shot", shot], ["size", `${news.size[1]} × ${news.size[0]}`], over ? ["took", duration(news.seconds)] : ["left", duration(news.seconds_left) || "…"],
        told.state === "canceled" && (told.kept === undefined ? "Stopped." : `Stopped: ${told.kept} frames are kept, and it goes on from there.`)];
    this.numbers.replaceChildren(...items.filter(Boolean).map((each) => Array.isArray(each) ? h("span", {}, `${each[0]} `, h("b", {}, each[1])) : h("span", {}, each)));
  }

  // A page that was loaded again finds the film of its tab.
  async comeBack() {
    const { dream } = filmingOf(this.app);
    if (!dream) return;
    try {
      const told = await this.app.api.get(`/studio/dreams/${encodeURIComponent(dream)}`);
      if (told.kind !== "film") return;
      if (OVER.includes(told.state)) { this.told = told; if (told.item) this.show("made"); this.dress(); } else this.listen(told);
    } catch { change(this.app, { dream: null }); }
  }
}

export const filmFacts = (film) => [`${film.width} × ${film.height}`, `${film.seconds.toFixed(2)} s`, `${Number(film.rate.toFixed(2))} frames a second`, film.sound?.length ? "with sound" : "silent", film.hdr && `HDR (${film.hdr})`, film.spherical && "360°", bytes(film.bytes)].filter(Boolean);
