// Drop a photo, watch it dream, stop it when it is right, take it home.
import { h } from "../dom.js";
import { controlsCard, photoCard, surpriseCard, wishCard } from "./dream_side.js";
import { makeStage } from "./dream_stage.js";
import { welcome } from "./welcome.js";

export const dream = {
  name: "dream",
  title: "Dream",
  mount(app, element) {
    const stage = makeStage(app);
    const side = h("div", { class: "side" }, photoCard(app), wishCard(app), controlsCard(app), surpriseCard(app));
    const room = h("div", { class: "two" }, stage.element, side);
    const door = welcome(app);
    element.append(h("h1", { class: "sr" }, "Dream a photo"), door, room);
    const dress = () => { const empty = !app.state.input; door.hidden = !empty; room.hidden = empty; };
    app.store.addEventListener("change", dress);
    dress();
    stage.comeBack();
  },
};
