/** The image editor's page: one image, or several side by side. */
import "../page.css";
import "./viewer.css";
import type { FromViewer, ImageSummary, ToViewer } from "../../protocol/panel-messages.ts";
import { element, setText, show } from "../dom.ts";
import { connect } from "../host.ts";
import { ImageClient } from "../images/image-client.ts";
import { ImageRow, type RowSettings } from "../images/image-row.ts";

interface KeptState {
  readonly row?: RowSettings;
}

const host = connect<ToViewer, FromViewer, KeptState>(receive);
// What the extension answers comes when this script is through: both go on at once.
host.post({ type: "ready" });
const images = new ImageClient((request) => host.post(request));
const row = new ImageRow(images, {
  settings: host.kept?.row,
  wheelZooms: true,
  start: "first",
  changed: (row) => host.keep({ row }),
});
const facts = element("div", { class: "image-facts" });
const failure = element("p", { class: "failure", role: "alert" });
const heading = element("h1", { class: "spoken" }, "Image");
document.body.classList.add("viewer");
document.getElementById("page")?.append(heading, failure, row.element, facts);
failure.hidden = true;
let shownPaths = "";

function receive(message: ToViewer): void {
  if (message.type === "show") showImages(message.images);
  else if (message.type === "show-failed") {
    show(failure, true);
    show(row.element, false);
    setText(failure, message.message);
    setText(facts, "");
  } else images.receive(message);
}

function showImages(summaries: readonly ImageSummary[]): void {
  show(failure, false);
  show(row.element, true);
  const paths = summaries.map(({ path }) => path).join("\n");
  void row.show(
    summaries.map(({ label, path }) => ({ title: label, path })),
    paths === shownPaths,
  );
  shownPaths = paths;
  setText(heading, summaries.map(({ label }) => label).join(", "));
  setText(facts, summaries.map(describe).join("   |   "));
}

function describe({
  label,
  shape: [depth, height, width, channels],
  sampleType,
  details,
}: ImageSummary): string {
  const parts = [`${width} × ${height} pixels`];
  if (depth > 1) parts.push(`${depth} slices`);
  if (channels > 1) parts.push(`${channels} channels`);
  parts.push(sampleType);
  if (details !== undefined) parts.push(details);
  return `${label}: ${parts.join(", ")}`;
}
