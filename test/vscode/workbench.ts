/** VS Code's window as a person uses it: by keys, palette and what is seen. Waits are for what appears, never for a time. */
import type { FrameLocator, Locator, Page } from "playwright-core";

/** Starting the window and the extension host takes long on a slow machine; what follows is quick. */
const START_TIMEOUT = 120_000;
const TIMEOUT = 30_000;

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
    const end = Date.now() + START_TIMEOUT;
    do {
      if (Date.now() > end) throw new Error("Completion did not start.");
      await this.page.keyboard.press("Control+Space");
    } while (
      !(await offers
        .first()
        .waitFor({ timeout: 2000 })
        .then(
          () => true,
          () => false,
        ))
    );
    await this.page.keyboard.press("Escape");
  }

  /** Runs a command by its title in the palette. */
  async command(title: string): Promise<void> {
    await this.quickInput(`>${title}`);
    await this.choose(title);
  }

  /** Opens a file of the folder by name. */
  async openFile(name: string): Promise<Locator> {
    await this.quickInput(name);
    await this.choose(name);
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
    return this.editor;
  }

  private async quickInput(text: string): Promise<void> {
    await this.page.keyboard.press(text.startsWith(">") ? "F1" : "Control+P");
    const input = this.page.locator(".quick-input-widget input[type=text]");
    await input.waitFor();
    await input.fill(text);
  }

  /** Takes the entry of the open list whose label contains `text`. */
  async choose(text: string | RegExp): Promise<void> {
    await this.entries.filter({ hasText: text }).first().click();
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
    await this.page.locator(".tab.active:not(.dirty)").waitFor();
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
  }

  /** Offers at the cursor are taken by their label, which starts with what was typed. */
  async takeOffer(label: string): Promise<void> {
    const offer = this.page.locator(
      `.suggest-widget.visible .monaco-list-row.focused[aria-label^="${label}"]`,
    );
    await offer.waitFor();
    await this.page.keyboard.press("Enter");
  }

  /** Takes a quick fix at the cursor. */
  async quickFix(title: string): Promise<void> {
    await this.page.keyboard.press("Control+.");
    await this.page.locator(".action-widget .action", { hasText: title }).first().click();
  }

  /** The text editor that has the focus, or had it last. */
  get editor(): Locator {
    return this.page.locator(".editor-group-container.active .monaco-editor[role=code]").first();
  }

  /** What a webview shows, by the title of its tab. */
  webview(): FrameLocator {
    return this.page.frameLocator("iframe.webview.ready").frameLocator("#active-frame");
  }
}
