import { element } from "../dom.ts";
import { TILE_KEYS } from "./tile-pointer.ts";

/** A keyboard shortcut of a row of images, with its description. */
export interface RowKey {
  /** The value of `KeyboardEvent.key`. */
  readonly key: string;
  readonly label: string;
  /** Whether it applies to the shown images. Defaults to always. */
  applies?(): boolean;
  run(): void;
}

/** Shows the list of keys until it is closed. @param wheelZooms whether the mouse wheel zooms without Ctrl */
export function showKeys(keys: readonly RowKey[], wheelZooms: boolean): void {
  const line = (shown: string, label: string) =>
    element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, shown)), element("td", {}, label));
  const close = element("button", { class: "link", type: "button" }, "Close");
  const dialog = element(
    "dialog",
    { class: "keys", "aria-label": "Keys for images" },
    element("h2", {}, "Keys for images"),
    element(
      "table",
      {},
      ...TILE_KEYS.map(([shown, label]) => line(shown, label)),
      ...keys.filter(({ applies }) => applies?.() ?? true).map(({ key, label }) => line(key, label)),
      line(wheelZooms ? "Wheel" : "Ctrl + wheel", "Zoom at the mouse"),
      line("Alt + wheel", "Previous slice, next slice"),
    ),
    close,
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
