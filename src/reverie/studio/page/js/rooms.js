// The rooms, in the order of the navigation. A room has a name, a title and mount(app, element); it may have
// entered(), left(), and receive(upload) for what is dropped while it is shown (false: not for this room).
import { dream } from "./rooms/dream.js";
import { wishes } from "./rooms/wishes.js";
import { live } from "./rooms/live.js";
import { film } from "./rooms/film.js";
import { gallery } from "./rooms/gallery.js";
import { networks } from "./rooms/networks.js";

export const rooms = [dream, wishes, live, film, gallery, networks];
