/** Uses VS Code's window as a person does: by keys, the palette and what is visible. Waits for what appears, never for a time. */
import { basename } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Frame, Locator, Page } from "playwright-core";

/** Starting the window and the extension host takes long on a slow machine. */
const START_TIMEOUT = 120_000;
const TIMEOUT = 60_000;
const POLL = 50;
/** Limit on a training, on a slow machine that is shared. */
export const TRAINED = 120_000;
/** Limit until the palette lists what was typed. */
const LISTED = 5000;
/** Limit on a look at what may have disappeared. */
const BRIEF = 1000;
/** What only the page of the training panel has. */
const PANEL = "#page .run-bar";

export class Workbench {
  constructor(
    readonly page: Page,
    /** Keeps a picture of the window, `<test file>-<name>.png`. */
    readonly screenshot: (name: string) => Promise<void>,
  ) {
    page.setDefaultTimeout(TIMEOUT);
  }

  /** @param folder whether one is open */
  async ready(folder = true): Promise<void> {
    await this.page.locator(".monaco-workbench").waitFor({ timeout: START_TIMEOUT });
    if (!folder) return;
    await this.page
      .locator(".explorer-folders-view .monaco-list-row")
      .first()
      .waitFor({ timeout: START_TIMEOUT });
  }

  /** Waits until configurations are completed, which starts with the window; a configuration is open. */
  async languageReady(): Promise<void> {
    await this.focusEditor();
    const offers = this.page.locator(".suggest-widget.visible .monaco-list-row");
    await until(
      async () => {
        await this.page.keyboard.press("Control+Space");
        await offers.first().waitFor({ timeout: 2000 });
        return true;
      },
      "completion",
      START_TIMEOUT,
    );
    await this.page.keyboard.press("Escape");
  }

  /** Runs a command by its whole title in the palette: "Run Training" may be listed after "Run Training in a Terminal". */
  async command(title: string): Promise<void> {
    const whole = new RegExp(`^${title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    // Not any element of the row: what was typed is highlighted in an element of its own.
    const label = this.page.locator(".label-name", { hasText: whole });
    await this.quickInput(`>${title}`, this.entries.filter({ has: label }));
  }

  /** Opens a file of the folder by name. */
  async openFile(name: string): Promise<Locator> {
    const editor = await this.openPath(name);
    // The extension hears of the editor a moment after it is shown.
    if (name.endsWith(".biapy.yaml"))
      await this.page.locator(`.statusbar-item [aria-label*="trains ${name}"]`).waitFor();
    return editor;
  }

  /** Opens a file of this machine. */
  async openPath(path: string): Promise<Locator> {
    const name = basename(path);
    // Opens it beside the panel, not in its column.
    await this.page.keyboard.press("Control+1");
    await this.quickInput(path, this.entries.filter({ hasText: name }));
    await this.page
      .locator(`.editor-group-container.active .tab.active[data-resource-name="${name}"]`)
      .waitFor();
    // A file's editor takes the focus after its tab is shown.
    await until(async () => {
      const inEditor = () => document.activeElement?.matches(".editor-group-container *, iframe.webview");
      return (await this.page.evaluate(inEditor)) || undefined;
    }, `${name} to have the focus`);
    return this.editor;
  }

  /** Types into the palette and takes the first of some entries. */
  private async quickInput(text: string, wanted: Locator): Promise<void> {
    // An editor that takes the focus late may swallow the key or close the palette.
    await until(async () => {
      await this.typeInPalette(text.startsWith(">") ? "F1" : "Control+P", text);
      // The list is made once, of the commands and files that are known then.
      return (await this.take(wanted, LISTED)) || undefined;
    }, `${text} in the palette`);
    // The command may show a list of its own in the same place.
    await until(
      async () =>
        !(await this.input.isVisible()) ||
        (await this.input.inputValue({ timeout: BRIEF })) !== text ||
        undefined,
      `${text} to be taken`,
    );
  }

  /** Opens the palette anew and types into it; rejects where it does not open. */
  private async typeInPalette(key: string, text: string): Promise<void> {
    if (await this.input.isVisible()) await this.cancel();
    await this.page.keyboard.press(key);
    await this.input.waitFor({ timeout: BRIEF });
    await this.input.fill(text, { timeout: BRIEF });
  }

  /** Takes the first entry of the open list that contains `text`, by keys: the list may move under a pointer. */
  async choose(text: string | RegExp): Promise<void> {
    const wanted = this.entries.filter({ hasText: text });
    await wanted.first().waitFor();
    // Entries that are still searched for may move the chosen one.
    await this.page.locator(".quick-input-progress.active").waitFor({ state: "detached" });
    if (!(await this.take(wanted))) throw new Error(`The list closed before ${text} was taken.`);
  }

  /** Takes the first of some entries of the list. Returns false if the list closes before. */
  private async take(wanted: Locator, limit = TIMEOUT): Promise<boolean> {
    const focused = this.page.locator(".quick-input-list .monaco-list-row.focused");
    return until(
      async () => {
        if (!(await this.input.isVisible())) return false;
        const at = await wanted.first().getAttribute("data-index", { timeout: BRIEF });
        if (at === (await focused.getAttribute("data-index", { timeout: BRIEF })))
          return this.pressInList("Enter", 13);
        await this.pressInList("ArrowDown", 40);
        return undefined;
      },
      `entry ${wanted}`,
      limit,
    );
  }

  /** Presses a key in the open list and nowhere else, even if it closes at that moment. Returns false if it is closed. */
  private async pressInList(key: string, keyCode: number): Promise<boolean> {
    return this.input.evaluate(
      (input, { key, keyCode }) => {
        if (!input.checkVisibility()) return false;
        // A webview that had the focus may have taken it back from the list.
        input.focus();
        input.dispatchEvent(
          new KeyboardEvent("keydown", { key, code: key, keyCode, bubbles: true, cancelable: true }),
        );
        return true;
      },
      { key, keyCode },
      { timeout: BRIEF },
    );
  }

  private get input(): Locator {
    return this.page.locator(".quick-input-widget input[type=text]");
  }

  /** Closes the list of entries. */
  async cancel(): Promise<void> {
    await this.pressInList("Escape", 27);
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  }

  /** The box or list of a question. */
  question(text: string): Locator {
    return this.page.locator(".quick-input-widget", { hasText: text });
  }

  /** Types an answer to a question. */
  async answer(question: string, text: string): Promise<void> {
    await this.question(question).waitFor();
    await this.input.fill(text);
    await this.pressInList("Enter", 13);
  }

  /** Accepts the path that the dialog for saving proposes, once it ends with a name. */
  async acceptSaving(name: string): Promise<void> {
    await until(
      async () => (await this.input.inputValue()).endsWith(`/${name}`) || undefined,
      `saving ${name}`,
    );
    await this.accept(this.page.locator(".quick-input-widget"));
  }

  /** Accepts VS Code's own dialog for folders and files. It takes no answer while it lists a folder. */
  private async accept(dialog: Locator): Promise<void> {
    const button = dialog.getByRole("button", { name: /OK|Apply|Export|Use this folder|Save/i });
    await until(async () => {
      if (await button.isHidden()) return true;
      await button.click({ timeout: BRIEF });
      return undefined;
    }, "the file dialog to close");
  }

  /** Unfolds a row of a tree, where VS Code has not done so itself. */
  async expand(tree: string, label: string): Promise<void> {
    const row = this.page.locator(`${tree} .monaco-list-row`, { hasText: label }).first();
    await row.waitFor();
    await until(async () => {
      if ((await row.getAttribute("aria-expanded")) === "true") return true;
      await row.locator(".monaco-tl-twistie").click({ timeout: BRIEF });
      return undefined;
    }, `${label} to unfold`);
  }

  /** Types a path into VS Code's own dialog for folders and files, and accepts it. */
  async givePath(title: string, path: string): Promise<void> {
    const dialog = this.page.locator(".quick-input-widget", { hasText: title });
    const input = dialog.locator("input[type=text]");
    // It proposes a path in two steps: first the folder.
    const proposed = path.endsWith(".yaml") ? /\.yaml$/ : /\/$/;
    await until(async () => proposed.test(await input.inputValue()) || undefined, "the file dialog");
    // A late proposal replaces what was typed.
    let typed = 0;
    await until(async () => {
      const stays = (await input.inputValue()) === path;
      typed = stays ? typed + 1 : 0;
      if (!stays) await input.fill(path);
      return typed > 3 || undefined;
    }, `${path} to stay typed`);
    await this.accept(dialog);
  }

  /** Takes an entry of the menu that a right click opens. */
  async fromMenu(target: Locator, entry: string): Promise<void> {
    await target.click({ button: "right" });
    const wanted = this.page.locator(".monaco-menu .action-item", { hasText: entry }).first();
    // By keys: the release of the button that opened the menu could choose another entry.
    await wanted.hover();
    await this.page.locator(".monaco-menu .action-item.focused", { hasText: entry }).waitFor();
    await this.page.keyboard.press("Enter");
    await wanted.waitFor({ state: "detached" });
  }

  get entries(): Locator {
    return this.page.locator(".quick-input-list .monaco-list-row");
  }

  /** Puts the cursor into the active editor, at its start. VS Code may give the focus back to what had it before a dialog just after the click. */
  async focusEditor(): Promise<void> {
    await until(async () => {
      // Not its middle: lines are as wide as the longest one, which may lie below the panel beside.
      await this.editor.locator(".editor-scrollable").click({ position: { x: 40, y: 10 } });
      await this.page.locator(".monaco-editor.focused").waitFor({ timeout: BRIEF });
      return true;
    }, "the focus in the editor");
    await this.page.keyboard.press("Control+Home");
  }

  /** Saves the active editor and waits until it is saved. */
  async save(): Promise<void> {
    await this.page.keyboard.press("Control+S");
    await this.page.locator(".editor-group-container.active .tab.active:not(.dirty)").waitFor();
  }

  async reload(): Promise<void> {
    const loaded = this.page.waitForEvent("load", { timeout: START_TIMEOUT });
    await this.command("Developer: Reload Window");
    await loaded;
    await this.page.locator(".monaco-workbench").waitFor({ timeout: START_TIMEOUT });
  }

  async goToLine(line: number): Promise<void> {
    await until(async () => {
      await this.typeInPalette("Control+G", `:${line}`);
      return (await this.pressInList("Enter", 13)) || undefined;
    }, `line ${line} in the palette`);
    await this.page.locator(".statusbar-item", { hasText: `Ln ${line},` }).waitFor();
  }

  /** Sets a breakpoint in the active editor. */
  async setBreakpoint(line: number): Promise<void> {
    await this.goToLine(line);
    await this.page.keyboard.press("F9");
    await this.page
      .locator(".codicon-debug-breakpoint, .codicon-debug-breakpoint-unverified")
      .first()
      .waitFor();
  }

  /** Selects the first place of a word in the active editor, as Find does. */
  async select(word: string): Promise<void> {
    await this.focusEditor();
    await this.page.keyboard.press("Control+F");
    const find = this.page.locator(".find-widget.visible textarea").first();
    await find.fill(word);
    await this.page.locator(".find-widget.visible .matchesCount", { hasText: "1 of" }).waitFor();
    await this.page.keyboard.press("Escape");
    await this.page.locator(".find-widget.visible").waitFor({ state: "hidden" });
    await this.page.locator(":is(.native-edit-context, .inputarea):focus").waitFor({ state: "attached" });
  }

  /** Offers at the cursor are taken by their label, which starts with what was typed. */
  async takeOffer(label: string): Promise<void> {
    const offer = this.page.locator(
      `.suggest-widget.visible .monaco-list-row.focused[aria-label^="${label}"]`,
    );
    await offer.waitFor();
    await this.page.keyboard.press("Enter");
  }

  /** Opens the list of quick fixes at the cursor, once the editor shows that there are some. */
  async quickFixes(): Promise<Locator> {
    await this.editor.locator(".lightBulbWidget").waitFor();
    await this.page.keyboard.press("Control+.");
    const fixes = this.page.locator(".action-widget .action");
    await fixes.first().waitFor();
    return fixes;
  }

  /** Takes a quick fix at the cursor, and waits until the text is changed. */
  async quickFix(title: string): Promise<void> {
    await (await this.quickFixes()).filter({ hasText: title }).first().click();
    await this.page.locator(".editor-group-container.active .tab.active.dirty").waitFor();
  }

  /** The text editor that has the focus, or had it last. */
  get editor(): Locator {
    return this.page.locator(".editor-group-container.active .monaco-editor[role=code]").first();
  }

  /** The lines of the active editor that are in view, in no order: VS Code reuses their elements. */
  async visibleText(): Promise<string> {
    const text = await this.editor.locator(".view-lines").textContent({ timeout: BRIEF });
    return (text ?? "").replaceAll("\u00a0", " ");
  }

  /** Waits until a configuration that was just opened has been checked and has no problem. */
  async soundConfiguration(name: string): Promise<void> {
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
    // Completion answers after the check of the text.
    await this.languageReady();
    const problems = this.page.locator("#status\\.problems");
    await problems
      .and(this.page.locator('[aria-label*="No Problems"], :has([aria-label="No Problems"])'))
      .waitFor();
  }

  /** Trains the configuration that is being edited. Returns the panel once it shows the new run: before, it shows an earlier one. */
  async train(): Promise<Frame> {
    const before = await this.shownRun();
    await this.command("BiaPy: Run Training");
    return until(
      async () => {
        const shown = await this.shownRun();
        return shown === undefined || shown === before ? undefined : this.panel();
      },
      "the new run in the panel",
      TRAINED,
    );
  }

  /** The identity of the run that the panel shows. */
  private async shownRun(): Promise<string | undefined> {
    const panel = await this.visiblePage(PANEL);
    // While there is no run, the box is hidden.
    return panel
      ?.getByRole("combobox", { name: "Run" })
      .inputValue({ timeout: BRIEF })
      .catch(() => undefined);
  }

  /** Waits until the panel's run has a status. Returns the panel. */
  async runStatus(text: RegExp, limit = TRAINED): Promise<Frame> {
    const panel = await this.panel();
    await panel.locator(".status", { hasText: text }).waitFor({ timeout: limit });
    return panel;
  }

  /** Waits until the panel's run has reached an epoch. Returns its epoch. */
  async runEpoch(least: number): Promise<number> {
    return until(
      async () => {
        const doing = await (await this.panel()).locator(".doing").textContent({ timeout: BRIEF });
        const epoch = Number(/Epoch (\d+)/.exec(doing ?? "")?.[1]);
        return epoch >= least ? epoch : undefined;
      },
      `epoch ${least}`,
      TRAINED,
    );
  }

  /** A file or folder in the explorer. */
  async inExplorer(name: string): Promise<Locator> {
    await this.command("Explorer: Focus on Folders View");
    return this.page.locator(".explorer-folders-view .monaco-list-row", { hasText: name });
  }

  /** A row of the results browser. */
  result(label: string): Locator {
    return this.page.locator(".sidebar .monaco-list-row", { hasText: label }).first();
  }

  /** Waits for a notice that has a text. */
  async notice(text: string | RegExp): Promise<Locator> {
    const notice = this.page.locator(".notification-toast", { hasText: text }).first();
    await notice.waitFor({ timeout: TRAINED });
    return notice;
  }

  async dismissNotices(): Promise<void> {
    await this.command("Notifications: Clear All Notifications");
    await this.page.locator(".notification-toast").first().waitFor({ state: "hidden" });
  }

  /** The page of the training panel. */
  async panel(): Promise<Frame> {
    return this.webview(PANEL);
  }

  /** The page of the training panel while there is no run. */
  async emptyPanel(): Promise<Frame> {
    return this.webview("#page .empty");
  }

  /** The page of the runs table. */
  async table(): Promise<Frame> {
    return this.webview("body.runs-page");
  }

  /**
   * The page of the image editor that shows an image: one that was shown before in its place may still be visible.
   *
   * @param image a part of the image's description, which begins with its title
   */
  async viewer(image: string): Promise<Frame> {
    return this.webview(`body.viewer canvas[aria-label*="${image}"]`);
  }

  /** Waits for a visible webview that has some element. */
  private async webview(selector: string): Promise<Frame> {
    return until(() => this.visiblePage(selector), `a webview with ${selector}`);
  }

  /** The visible webview that has some element, if there is one. VS Code gives webviews random names. */
  private async visiblePage(selector: string): Promise<Frame | undefined> {
    for (const frame of this.page.frames()) {
      const outer = await frame
        .parentFrame()
        ?.frameElement()
        .catch(() => undefined);
      if (outer !== undefined && (await outer.isVisible()) && (await frame.locator(selector).count()) > 0)
        return frame;
    }
    return undefined;
  }
}

/** Repeats a look at the window until it finds something. Throws if it finds nothing in time. */
export async function until<T>(
  look: () => Promise<T | undefined>,
  what: string,
  limit = TIMEOUT,
): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    // An element may disappear during the look.
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`Waited in vain for ${what}.`);
    await setTimeout(POLL);
  }
}
