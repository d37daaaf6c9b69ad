/** The image editor's page: one image, or several side by side. */
import "../page.css";
import "./viewer.css";
import type { FromViewer, ToViewer, ViewedImage, ViewStart } from "../../protocol/panel-messages.ts";
import { element, setText, show } from "../dom.ts";
import { connect } from "../host.ts";
import { ImageClient } from "../images/image-client.ts";
import { ImageRow } from "../images/image-row.ts";
import type { RowSettings } from "../images/row-state.ts";
import { lengthText } from "../images/scale-bar.ts";

interface KeptState {
  readonly row?: RowSettings;
}

const host = connect<ToViewer, FromViewer, KeptState>(receive);
// The extension's answer arrives after this script has run: both work at the same time.
host.post({ type: "ready" });
const images = new ImageClient((request) => host.post(request));
const row = new ImageRow(images, {
  settings: host.kept?.row,
  wheelZooms: true,
  start: "first",
  changed: (row) => host.keep({ row }),
  open: (images, z) => host.post({ type: "open-images", images, start: { z } }),
  save: async (name, png) => host.post({ type: "save-file", name, content: await png.arrayBuffer() }),
});
document.addEventListener("keydown", (event) => row.key(event));
const facts = element("div", { class: "image-facts" });
const failure = element("p", { class: "failure", role: "alert" });
const heading = element("h1", { class: "spoken" }, "Image");
document.body.classList.add("viewer");
document.getElementById("page")?.append(heading, failure, row.element, facts);
failure.hidden = true;
let shownPaths = "";

function receive(message: ToViewer): void {
  if (message.type === "show") showImages(message.images, message.start);
  else if (message.type === "show-failed") {
    show(failure, true);
    show(row.element, false);
    setText(failure, message.message);
    setText(facts, "");
  } else images.receive(message);
}

function showImages(images: readonly ViewedImage[], start: ViewStart = {}): void {
  show(failure, false);
  show(row.element, true);
  const paths = images.map(({ path }) => path).join("\n");
  const same = paths === shownPaths;
  const titled = images.map(({ title, label, path, labels }) => ({ title: title ?? label, path, labels }));
  // Keeps the slice when the page is shown again.
  const z = same || host.kept !== undefined ? undefined : start.z;
  void row.show(titled, same, z);
  shownPaths = paths;
  setText(heading, titled.map(({ title }) => title).join(", "));
  setText(facts, [...new Set(images.map(describe))].join("   |   "));
}

function describe({
  label,
  shape: [depth, height, width, channels],
  sampleType,
  pixelSize,
  details,
}: ViewedImage): string {
  const parts = [`${width} × ${height} pixels`];
  if (depth > 1) parts.push(`${depth} slices`);
  if (channels > 1) parts.push(`${channels} channels`);
  parts.push(sampleType);
  if (pixelSize !== undefined) {
    const { x, y, z, unit } = pixelSize;
    const sizes = [x, y, ...(z === undefined || depth === 1 ? [] : [z])].map((size) =>
      lengthText(size, unit),
    );
    parts.push(`pixels of ${sizes.join(" × ")}`);
  }
  if (details !== undefined) parts.push(details);
  return `${label}: ${parts.join(", ")}`;
}
