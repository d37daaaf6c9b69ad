/** VS Code's window as a person uses it: by keys, palette and what is seen. Waits are for what appears, never for a time. */
import { setTimeout } from "node:timers/promises";
import type { Frame, Locator, Page } from "playwright-core";

/** Starting the window and the extension host takes long on a slow machine; what follows is quick. */
const START_TIMEOUT = 120_000;
const TIMEOUT = 60_000;
const POLL = 50;
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

  async ready(): Promise<void> {
    await this.page.locator(".monaco-workbench").waitFor({ timeout: START_TIMEOUT });
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
    await this.quickInput(name, name);
    await this.page
      .locator(`.editor-group-container.active .tab.active[data-resource-name="${name}"]`)
      .waitFor();
    return this.editor;
  }

  /** Finds something by what is typed into the palette and takes it. */
  private async quickInput(text: string, entry: string): Promise<void> {
    await this.page.keyboard.press(text.startsWith(">") ? "F1" : "Control+P");
    const input = this.page.locator(".quick-input-widget input[type=text]");
    await input.waitFor();
    await input.fill(text);
    await this.choose(entry);
    // What comes next may be a list of the command's own, in the same place.
    await until(
      async () =>
        !(await input.isVisible()) || (await input.inputValue({ timeout: BRIEF })) !== text || undefined,
      `${entry} to be taken`,
    );
  }

  /** Takes the first entry of the open list that contains `text`, by keys: the list may move under a pointer. */
  async choose(text: string | RegExp): Promise<void> {
    const wanted = this.entries.filter({ hasText: text }).first();
    await wanted.waitFor();
    const focused = this.page.locator(".quick-input-list .monaco-list-row.focused");
    await until(async () => {
      const at = [await wanted.getAttribute("data-index"), await focused.getAttribute("data-index")];
      if (at[0] === at[1]) return true;
      await this.page.keyboard.press("ArrowDown");
      return undefined;
    }, `entry ${text}`);
    await this.page.keyboard.press("Enter");
  }

  /** Closes the list of entries. */
  async cancel(): Promise<void> {
    await this.page.keyboard.press("Escape");
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
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
    await this.page.keyboard.press("Control+G");
    const input = this.page.locator(".quick-input-widget input[type=text]");
    await input.waitFor();
    await input.fill(`:${line}`);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".statusbar-item", { hasText: `Ln ${line},` }).waitFor();
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

  /** The page of the training panel. */
  async panel(): Promise<Frame> {
    return this.webview("#page .run-bar");
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
