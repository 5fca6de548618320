// The camera, or a film as if it were one, dreams in real time.
import { h, percent } from "../dom.js";
import { slider } from "../parts.js";
import { waitingWords, wishCard } from "./dream_side.js";
import { openCamera } from "./webcam.js";

const IN_FLIGHT = 2; // frames on their way: one is dreamed while the next one comes
const SIDES = [["240", "small and quick"], ["320", "320 pixels"], ["480", "480 pixels"], ["640", "large and slow"]];

export const live = {
  name: "live",
  title: "Live",
  mount(app, element) {
    const room = new Live(app);
    element.append(h("h1", { class: "sr" }, "Live"), room.element);
    this.left = () => room.stop();
    this.receive = (upload) => upload.kind !== "film" ? false : (app.toast("Choose the film by the button of this room: it is played here, and goes nowhere."), true);
  },
};

class Live {
  constructor(app) {
    this.app = app;
    this.key = null;
    this.video = h("video", { muted: true, playsInline: true, loop: true, class: "source", "aria-label": "What the camera sees" });
    this.out = h("canvas", { width: 320, height: 240, role: "img", "aria-label": "The dream of what the camera sees" });
    this.note = h("p", { class: "soft center" }, "Your camera, dreamed while you look. Or a film, as if it were one.");
    this.numbers = h("p", { class: "numbers", role: "status" });
    this.frame = h("div", { class: "stage live" }, this.out, this.video, this.note);
    this.file = h("input", { type: "file", accept: "video/*", class: "sr", tabIndex: -1, "aria-label": "A film to play", onchange: () => { if (this.file.files[0]) this.playFile(this.file.files[0]); this.file.value = ""; } });
    this.camera = h("button", { type: "button", class: "main", onclick: () => this.playCamera() }, "Start the camera");
    this.film = h("button", { type: "button", onclick: () => this.file.click() }, "Play a film");
    this.halt = h("button", { type: "button", hidden: true, onclick: () => this.stop() }, "Stop");
    this.keep = h("button", { type: "button", hidden: true, onclick: () => this.keepPicture() }, "Keep this picture");
    this.tape = h("button", { type: "button", hidden: true, "aria-pressed": "false", onclick: () => this.record() }, "Record");
    this.settings = { size: 320, strength: 1, carry: 0.97 };
    const side = h("select", { id: "live-size", onchange: () => this.set({ size: Number(side.value) }) }, ...SIDES.map(([value, words]) => h("option", { value }, words)));
    side.value = "320";
    const read = ["objective", "settings", "preset", "model", "guides"];
    app.store.addEventListener("change", (event) => { if (read.some((name) => name in event.detail)) this.tellChange(); });
    this.element = h("div", { class: "two" },
      h("div", { class: "center" }, this.frame, h("div", { class: "card stack" },
        h("div", { class: "row" }, this.camera, this.film, this.halt, this.keep, this.tape, this.file), this.numbers)),
      h("div", { class: "side" }, wishCard(app, false),
      h("div", { class: "card stack" }, h("h2", {}, "How"),
        slider({ label: "Strength", min: 0, max: 1, step: 0.01, value: 1, format: percent, oninput: (strength) => this.set({ strength }) }),
        slider({ label: "Memory", about: "How much of the dream goes on to the next frame: less is restless.", min: 0, max: 1, step: 0.01, value: 0.97, format: percent, oninput: (carry) => this.set({ carry }) }),
        h("div", { class: "field" }, h("label", { htmlFor: "live-size" }, "Size"), side))));
  }

  set(patch) { this.settings = { ...this.settings, ...patch }; this.tellChange(); }

  asked() { const { input, masks, ...dream } = this.app.store.asked(); return { dream, live: this.settings }; }

  tellChange() {
    if (!this.key) return;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.app.api.post(`/studio/live/${this.key}/change`, this.asked()).catch((error) => this.app.toast(error.message, "bad")), 120);
  }

  async playCamera() {
    try {
      const stream = await openCamera({ width: { ideal: 640 }, height: { ideal: 480 } });
      this.video.srcObject = stream;
      await this.begin();
    } catch (error) { this.app.toast(error.message, "bad"); }
  }

  async playFile(file) {
    this.stop();
    this.video.srcObject = null;
    this.video.src = URL.createObjectURL(file);
    try { await this.begin(); } catch (error) { this.app.toast(error.name === "NotSupportedError" ? `The browser cannot play ${file.name}: an MP4 or WebM will do.` : error.message, "bad"); this.stop(); }
  }

  async begin() {
    await this.video.play();
    const told = await this.app.api.post("/studio/live", this.asked());
    this.key = told.key;
    this.times = [];
    this.running = false;
    this.unlisten = this.app.api.follow(told.key, 64, (news) => this.hear(news));
    this.dress();
  }

  hear(news) {
    if (news.state === "waiting") { this.numbers.textContent = waitingWords(news.before); return; }
    if (news.state === "running") {
      if (!this.running) { this.running = true; for (let n = 0; n < IN_FLIGHT; n++) this.pump(this.key); }
      return;
    }
    if (news.state === "failed") this.app.toast(news.error, "bad");
    if (this.key) this.stop();
  }

  // One frame after the other goes there and comes back, as long as it runs.
  async pump(key) {
    while (this.key === key) {
      const began = performance.now();
      try {
        const dreamed = await this.send(await this.grab(), key);
        if (dreamed && this.key === key) { await this.show(dreamed); this.count(began); }
      } catch (error) {
        if (this.key !== key) return;
        this.app.toast(error.message, "bad");
        this.stop();
      }
    }
  }

  async grab() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width || document.hidden) { await new Promise((done) => setTimeout(done, 100)); if (!width) return this.grab(); }
    const scale = Math.min(1, this.settings.size / Math.max(width, height));
    const canvas = h("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
  }

  async send(blob, key) {
    const answer = await fetch(`/studio/live/${key}/frame`, { method: "POST", body: blob });
    if (answer.status === 204) return null;
    if (!answer.ok) throw new Error((await answer.json()).error || "the frame was not dreamed");
    return answer.blob();
  }

  async show(blob) {
    const picture = await createImageBitmap(blob);
    if (this.out.width !== picture.width || this.out.height !== picture.height) { this.out.width = picture.width; this.out.height = picture.height; }
    this.out.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    this.note.hidden = true;
  }

  count(began) {
    const now = performance.now();
    this.times = [...this.times.filter((each) => now - each.at < 2000), { at: now, latency: now - began }];
    if (this.times.length < 3 || now - (this.told || 0) < 500) return;
    this.told = now;
    const rate = (this.times.length - 1) / ((now - this.times[0].at) / 1000);
    const latency = this.times.reduce((sum, each) => sum + each.latency, 0) / this.times.length;
    this.numbers.replaceChildren(h("span", {}, h("b", {}, rate.toFixed(1)), " frames a second"), h("span", {}, h("b", {}, String(Math.round(latency))), " ms from the camera to the dream"));
  }

  dress() {
    const on = Boolean(this.key);
    this.camera.hidden = this.film.hidden = on;
    this.halt.hidden = this.keep.hidden = this.tape.hidden = !on;
    this.frame.classList.toggle("on", on);
  }

  stop() {
    const { key } = this;
    this.key = null;
    this.recorder?.stop();
    this.recorder = null;
    this.unlisten?.();
    this.video.srcObject?.getTracks().forEach((track) => track.stop());
    this.video.pause();
    this.video.srcObject = null;
    if (this.video.src) { URL.revokeObjectURL(this.video.src); this.video.removeAttribute("src"); }
    if (key) this.app.api.post(`/studio/dreams/${key}/stop`).catch(() => {});
    this.dress();
  }

  async keepPicture() {
    const blob = await new Promise((done) => this.out.toBlob(done, "image/png"));
    save(blob, "live-dream.png");
  }

  record() {
    if (this.recorder) { this.recorder.stop(); this.recorder = null; this.tape.setAttribute("aria-pressed", "false"); this.tape.textContent = "Record"; return; }
    const parts = [], recorder = new MediaRecorder(this.out.captureStream(25));
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => { save(new Blob(parts, { type: recorder.mimeType }), "live-dream.webm"); this.tape.setAttribute("aria-pressed", "false"); this.tape.textContent = "Record"; };
    recorder.start();
    this.recorder = recorder;
    this.tape.setAttribute("aria-pressed", "true");
    this.tape.textContent = "Stop recording";
  }
}

function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
