/** VS Code's window as a person uses it: by keys, palette and what is seen. Waits are for what appears, never for a time. */
import { basename } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Frame, Locator, Page } from "playwright-core";

/** Starting the window and the extension host takes long on a slow machine; what follows is quick. */
const START_TIMEOUT = 120_000;
const TIMEOUT = 60_000;
const POLL = 50;
/** Training on a slow machine that is shared. */
export const TRAINED = 120_000;
/** Until the palette lists what was typed. */
const LISTED = 5000;
/** For a look at what may have gone meanwhile. */
const BRIEF = 1000;

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

  /** Runs a command by its title in the palette. */
  async command(title: string): Promise<void> {
    await this.quickInput(`>${title}`, title);
  }

  /** Opens a file of the folder by name. */
  async openFile(name: string): Promise<Locator> {
    const editor = await this.openPath(name);
    // The extension is told a moment after the editor is shown, and says so.
    if (name.endsWith(".biapy.yaml"))
      await this.page.locator(`.statusbar-item [aria-label*="trains ${name}"]`).waitFor();
    return editor;
  }

  /** Opens a file of this machine. */
  async openPath(path: string): Promise<Locator> {
    const name = basename(path);
    // Not in the place of the panel.
    await this.page.keyboard.press("Control+1");
    await this.quickInput(path, name);
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

  /** Finds something by what is typed into the palette and takes it. */
  private async quickInput(text: string, entry: string): Promise<void> {
    // What VS Code still does, a file's editor that takes the focus late, may swallow the key or close the palette.
    await until(async () => {
      await this.typeInPalette(text.startsWith(">") ? "F1" : "Control+P", text);
      // The list is made once, of the commands and files that are known then.
      return (await this.take(entry, LISTED)) || undefined;
    }, `${entry} in the palette`);
    // What comes next may be a list of the command's own, in the same place.
    await until(
      async () =>
        !(await this.input.isVisible()) ||
        (await this.input.inputValue({ timeout: BRIEF })) !== text ||
        undefined,
      `${entry} to be taken`,
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
    await this.entries.filter({ hasText: text }).first().waitFor();
    // What is still looked for may come between the choice and its taking.
    await this.page.locator(".quick-input-progress.active").waitFor({ state: "detached" });
    if (!(await this.take(text))) throw new Error(`The list closed before ${text} was taken.`);
  }

  /** Takes an entry of the list; gives false where the list closes before. */
  private async take(text: string | RegExp, limit = TIMEOUT): Promise<boolean> {
    const wanted = this.entries.filter({ hasText: text }).first();
    const focused = this.page.locator(".quick-input-list .monaco-list-row.focused");
    return until(
      async () => {
        if (!(await this.input.isVisible())) return false;
        const at = await wanted.getAttribute("data-index", { timeout: BRIEF });
        if (at === (await focused.getAttribute("data-index", { timeout: BRIEF })))
          return this.pressInList("Enter", 13);
        await this.pressInList("ArrowDown", 40);
        return undefined;
      },
      `entry ${text}`,
      limit,
    );
  }

  /** Presses a key in the open list and nowhere else, even if it closes at that moment; gives false where it is closed. */
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

  /** Types an answer to a question. */
  async answer(question: string, text: string): Promise<void> {
    await this.page.locator(".quick-input-widget", { hasText: question }).waitFor();
    await this.input.fill(text);
    await this.pressInList("Enter", 13);
  }

  /** Saves where the dialog offers to, a file of that name. */
  async acceptSaving(name: string): Promise<void> {
    await until(
      async () => (await this.input.inputValue()).endsWith(`/${name}`) || undefined,
      `saving ${name}`,
    );
    await this.accept(this.page.locator(".quick-input-widget"));
  }

  /** Closes VS Code's own dialog for folders and files, which takes no answer while it lists a folder. */
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

  /** Answers VS Code's own dialog for folders and files, which takes a path. */
  async givePath(title: string, path: string): Promise<void> {
    const dialog = this.page.locator(".quick-input-widget", { hasText: title });
    const input = dialog.locator("input[type=text]");
    // It proposes a path in two steps, the folder first.
    const proposed = path.endsWith(".yaml") ? /\.yaml$/ : /\/$/;
    await until(async () => proposed.test(await input.inputValue()) || undefined, "the file dialog");
    // What it proposes late takes the place of what was typed meanwhile.
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
    // The release of the button that opened the menu is no choice; keys are not mistaken.
    await wanted.hover();
    await this.page.locator(".monaco-menu .action-item.focused", { hasText: entry }).waitFor();
    await this.page.keyboard.press("Enter");
    await wanted.waitFor({ state: "detached" });
  }

  get entries(): Locator {
    return this.page.locator(".quick-input-list .monaco-list-row");
  }

  /** Puts the cursor into the active editor, at its start. */
  async focusEditor(): Promise<void> {
    await this.editor.locator(".view-lines").click();
    await this.page.locator(".monaco-editor.focused").waitFor();
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

  /** Opens the list of quick fixes at the cursor, once the editor has shown that there are some. */
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

  /** Waits until a configuration that was just opened has been looked at and nothing was found wrong with it. */
  async soundConfiguration(name: string): Promise<void> {
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
    // Completion answers after the text was checked.
    await this.languageReady();
    const problems = this.page.locator("#status\\.problems");
    await problems
      .and(this.page.locator('[aria-label*="No Problems"], :has([aria-label="No Problems"])'))
      .waitFor();
  }

  /** Trains the configuration that is being edited. */
  async train(): Promise<Frame> {
    await this.command("BiaPy: Run Training");
    return this.panel();
  }

  /** Waits until the panel's run has a status; gives the panel. */
  async runStatus(text: RegExp, limit = TRAINED): Promise<Frame> {
    const panel = await this.panel();
    await panel.locator(".status", { hasText: text }).waitFor({ timeout: limit });
    return panel;
  }

  /** Waits until the panel's run is at an epoch or beyond it; gives the one that it is at. */
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
    return this.webview("#page .run-bar");
  }

  /** The page of the training panel while there is no run. */
  async emptyPanel(): Promise<Frame> {
    return this.webview("#page .empty");
  }

  /** The page of the runs table. */
  async table(): Promise<Frame> {
    return this.webview("body.runs-page");
  }

  /** The page of the image editor. */
  async viewer(): Promise<Frame> {
    return this.webview("body.viewer");
  }

  /** The webview in sight that has some element: VS Code tells webviews apart by random names only. */
  private async webview(selector: string): Promise<Frame> {
    return until(async () => {
      for (const frame of this.page.frames()) {
        const outer = await frame
          .parentFrame()
          ?.frameElement()
          .catch(() => undefined);
        if (outer !== undefined && (await outer.isVisible()) && (await frame.locator(selector).count()) > 0)
          return frame;
      }
      return undefined;
    }, `a webview with ${selector}`);
  }
}

/** Waits for what a look at the window finds, once a frame. */
export async function until<T>(
  look: () => Promise<T | undefined>,
  what: string,
  limit = TIMEOUT,
): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    // What is looked at may go away meanwhile.
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`Waited in vain for ${what}.`);
    await setTimeout(POLL);
  }
}
