import { basename } from "node:path";
import * as vscode from "vscode";
import type {
  FromViewer,
  ImageReply,
  ImageRequest,
  OpenImages,
  ToViewer,
  ViewedImage,
  ViewStart,
} from "../../protocol/panel-messages.ts";
import { registerCommand } from "../workspace/commands.ts";
import { pickImages } from "../workspace/pick-files.ts";
import { showFailure } from "../workspace/show-failure.ts";
import { ImageReader } from "./image-reader.ts";
import { saveFile } from "./save-file.ts";
import { showPage } from "./webview-page.ts";

const IMAGE_VIEWER = "biapy.imageViewer";
/** The same editor for files that VS Code shows too: offered under Reopen Editor With…. */
const OPTIONAL_VIEWER = "biapy.imageViewer.optional";

/** How `biapy.viewImages` shows its images. */
export interface ViewOptions {
  /** One for each image. Default: the files' names. */
  readonly titles?: readonly string[];
  /** Whether the values of each image are class numbers. Default: none are. */
  readonly labels?: readonly boolean[];
  readonly start?: ViewStart;
}

/**
 * Registers the read-only editors of image files, and `biapy.viewImages`, which shows files and folders (Zarr stores are
 * folders) that are given or picked, several side by side.
 */
export function registerImageViewer(context: vscode.ExtensionContext): void {
  const reader = imageReader(context);
  const editor: vscode.CustomReadonlyEditorProvider = {
    openCustomDocument: (uri) => ({ uri, dispose() {} }),
    resolveCustomEditor: (document, panel) =>
      new ImageViewer(context, reader, panel, [document.uri], {}).start(),
  };
  const severalEditors = { supportsMultipleEditorsPerDocument: true };
  context.subscriptions.push(
    vscode.window.registerCustomEditorProvider(IMAGE_VIEWER, editor, severalEditors),
    vscode.window.registerCustomEditorProvider(OPTIONAL_VIEWER, editor, severalEditors),
    registerCommand("biapy.viewImages", async (clicked, selected) => {
      const sent = Array.isArray(selected) ? selected : [clicked];
      const uris = sent.filter((each) => each instanceof vscode.Uri);
      const images = uris.length > 0 ? uris : await pickImages({ title: "View Images", openLabel: "View" });
      if (images.length > 0) openImages(context, images);
    }),
  );
}

/** Opens images side by side in a new viewer. */
export function openImages(
  context: vscode.ExtensionContext,
  images: readonly vscode.Uri[],
  options: ViewOptions = {},
): void {
  const title = [...new Set(images.map(({ path }) => basename(path)))].join(" | ");
  const panel = vscode.window.createWebviewPanel(`${IMAGE_VIEWER}.panel`, title, vscode.ViewColumn.Active);
  new ImageViewer(context, imageReader(context), panel, images, options).start();
}

const readers = new WeakMap<vscode.ExtensionContext, ImageReader>();

/** The thread that reads images, one for the whole extension. */
export function imageReader(context: vscode.ExtensionContext): ImageReader {
  const known = readers.get(context);
  if (known !== undefined) return known;
  const reader = new ImageReader(context.asAbsolutePath("dist/image-worker.mjs"));
  readers.set(context, reader);
  context.subscriptions.push(reader);
  return reader;
}

/** One page that shows images, and follows their files. */
class ImageViewer {
  private readonly disposables: vscode.Disposable[] = [];
  /** The page's first message: images are opened while it loads. */
  private first: Promise<ToViewer> | undefined;
  /** Images of similar places, which the page may open. */
  private readonly similar = new Set<string>();
  /** Whether the editor was closed. Its webview then throws. */
  private closed = false;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly reader: ImageReader,
    private readonly panel: vscode.WebviewPanel,
    private readonly images: readonly vscode.Uri[],
    private readonly options: ViewOptions,
  ) {}

  start(): void {
    const { webview } = this.panel;
    this.disposables.push(
      webview.onDidReceiveMessage((message: FromViewer) => this.receive(message).catch(showFailure)),
      this.panel.onDidDispose(() => {
        this.closed = true;
        vscode.Disposable.from(...this.disposables).dispose();
      }),
    );
    showPage(webview, this.context, "viewer", "Image");
    this.first = this.open();
    for (const image of this.images) this.follow(image);
  }

  private follow(image: vscode.Uri): void {
    const folder = vscode.Uri.joinPath(image, "..");
    const name = basename(image.path);
    const watcher = vscode.workspace.createFileSystemWatcher(
      new vscode.RelativePattern(folder, name.replaceAll(/[[\]{}*?]/g, "?")),
    );
    const show = async () => this.post(await this.open());
    this.disposables.push(watcher, watcher.onDidChange(show), watcher.onDidCreate(show));
  }

  private async receive(message: FromViewer): Promise<void> {
    if (message.type === "ready") {
      const opened = this.first ?? this.open();
      this.first = undefined;
      this.post(await opened);
    } else if (message.type === "save-file") await saveFile(message);
    else if (message.type === "open-images") this.openSimilar(message);
    else this.post(await this.reply(message));
  }

  /** Answers for the images of this editor only. */
  private async reply(request: ImageRequest): Promise<ImageReply> {
    const { request: number, path } = request;
    if (this.images.some(({ fsPath }) => fsPath === path)) {
      const reply = await this.reader.answer(request);
      if (reply.type === "similar") for (const place of reply.similarity.places) this.similar.add(place.path);
      return reply;
    }
    return { type: "image-failed", request: number, message: `${path} is not open in this editor.` };
  }

  private openSimilar({ images, start }: OpenImages): void {
    if (images.some(({ path }) => !this.similar.has(path))) return;
    const uris = images.map(({ path }) => vscode.Uri.file(path));
    openImages(this.context, uris, { titles: images.map(({ title }) => title), start });
  }

  /** Opens the images, and reopens those whose files were replaced. */
  private async open(): Promise<ToViewer> {
    const images: ViewedImage[] = [];
    for (const [index, { scheme, fsPath }] of this.images.entries()) {
      if (scheme !== "file")
        return { type: "show-failed", message: "Only images on a disk can be shown: save a copy first." };
      const reply = await this.reader.answer({ type: "open-image", request: 0, path: fsPath });
      if (reply.type === "image") {
        const { titles, labels } = this.options;
        images.push({ ...reply.image, title: titles?.[index], labels: labels?.[index] });
      } else if (reply.type === "image-failed") return { type: "show-failed", message: reply.message };
    }
    return { type: "show", images, start: this.options.start };
  }

  private post(message: ToViewer): void {
    if (this.closed) return;
    void this.panel.webview.postMessage(message);
  }
}
