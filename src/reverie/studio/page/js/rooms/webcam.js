// One picture from the webcam.
import { dialog } from "../parts.js";
import { h } from "../dom.js";

export async function openCamera(wanted = { width: { ideal: 1280 }, height: { ideal: 720 } }) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error("the browser gives no webcam to this page: open it by http://127.0.0.1 or https");
  try { return await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false }); } catch (error) {
    if (error.name === "NotAllowedError") throw new Error("the browser was not allowed to use the webcam: allow it beside the address, and try again");
    if (error.name === "NotFoundError" || error.name === "OverconstrainedError") throw new Error("no webcam was found: plug one in, or drop a photo or a film");
    throw new Error(`the webcam could not be opened (${error.name}): another program may be using it`);
  }
}

export async function takePhoto(app) {
  let stream;
  try { stream = await openCamera(); } catch (error) { app.toast(error.message, "bad"); return; }
  const video = h("video", { autoplay: true, muted: true, playsInline: true, "aria-label": "The webcam" });
  video.srcObject = stream;
  const shoot = h("button", { type: "button", class: "main", onclick: async () => {
    const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    made.close();
    app.takeFiles([new File([blob], "webcam.png", { type: "image/png" })]);
  } }, "Take it");
  const made = dialog("Webcam", video, shoot);
  made.addEventListener("close", () => stream.getTracks().forEach((track) => track.stop()));
}
