import { element } from "./dom.ts";

export interface MenuItem {
  readonly label: string;
  run(): void;
}

/** An attribute of parts to which VS Code's Cut, Copy and Paste do not apply, and which have no menu of their own. */
export const NO_MENU = { "data-vscode-context": '{"preventDefaultContextMenuItems":true}' };

/** Closes the open menu. */
let closeOpen: (() => void) | undefined;

/**
 * Gives an element a context menu. It replaces VS Code's, whose Cut, Copy and Paste do not apply to charts and images.
 *
 * @param items called each time the menu opens
 */
export function contextMenu(target: HTMLElement, items: () => readonly MenuItem[]): void {
  target.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const box = target.getBoundingClientRect();
    // The menu key of the keyboard sends no position.
    const byKey = event.clientX === 0 && event.clientY === 0;
    const place = byKey ? { x: box.left + 16, y: box.top + 16 } : { x: event.clientX, y: event.clientY };
    openMenu(items(), place);
  });
}

function openMenu(items: readonly MenuItem[], { x, y }: { readonly x: number; readonly y: number }): void {
  closeOpen?.();
  const before = document.activeElement;
  const entries = items.map(({ label, run }) => {
    const entry = element("button", { class: "menu-item", type: "button", role: "menuitem" }, label);
    entry.addEventListener("click", () => {
      close();
      if (before instanceof HTMLElement) before.focus();
      run();
    });
    return entry;
  });
  const menu = element("div", { class: "menu", role: "menu" }, ...entries);
  const close = () => {
    if (closeOpen !== close) return;
    // First: removing the menu moves the focus, which calls this again.
    closeOpen = undefined;
    menu.remove();
  };
  menu.addEventListener("keydown", (event) => {
    const at = entries.findIndex((entry) => entry.matches(":focus"));
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) entries[(at + by + entries.length) % entries.length]?.focus();
    else if (event.key === "Escape" || event.key === "Tab") {
      close();
      if (before instanceof HTMLElement) before.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node) || !menu.contains(relatedTarget)) close();
  });
  closeOpen = close;
  document.body.append(menu);
  const left = Math.max(0, Math.min(x, window.innerWidth - menu.offsetWidth));
  const top = Math.max(0, Math.min(y, window.innerHeight - menu.offsetHeight));
  menu.style.setProperty("left", `${left}px`);
  menu.style.setProperty("top", `${top}px`);
  entries[0]?.focus();
}
