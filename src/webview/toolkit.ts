/**
 * The only file that imports VS Code's webview toolkit, which is archived. To replace it, change this file; the
 * pages stay unchanged.
 */
import {
  type Button,
  type Checkbox,
  provideVSCodeDesignSystem,
  type TextField,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeTextField,
} from "@vscode/webview-ui-toolkit";
import { element } from "./dom.ts";

declare global {
  interface HTMLElementTagNameMap {
    "vscode-button": Button;
    "vscode-checkbox": Checkbox;
    "vscode-text-field": TextField;
  }
}

provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeCheckbox(), vsCodeTextField());

export interface ButtonOptions {
  readonly kind?: "primary" | "secondary" | "icon";
  /** A tooltip; also the accessible name if the content is only an icon. */
  readonly label?: string;
}

/** Creates a button. */
export function button(
  content: string | Node,
  pressed: () => void,
  { kind = "secondary", label }: ButtonOptions = {},
): HTMLElement & { disabled: boolean } {
  const made = element("vscode-button", { appearance: kind }, content);
  if (label !== undefined) {
    made.title = label;
    if (kind === "icon") made.setAttribute("aria-label", label);
  }
  made.addEventListener("click", () => {
    if (!made.disabled) pressed();
  });
  return made;
}

/** A checkbox. Setting `checked` does not report a change. */
export interface Toggle {
  readonly element: HTMLElement;
  checked: boolean;
}

/** Creates a checkbox. */
export function checkbox(label: string, checked: boolean, changed: (checked: boolean) => void): Toggle {
  const made = element("vscode-checkbox", {}, label);
  made.checked = checked;
  // Setting the value from code raises the same event as a click. Only other values come from the user.
  let set = checked;
  made.addEventListener("change", () => {
    if (made.checked === set) return;
    set = made.checked;
    changed(set);
  });
  return {
    element: made,
    get checked() {
      return made.checked;
    },
    set checked(value) {
      set = value;
      made.checked = value;
    },
  };
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** A drop-down list. */
export interface Picker {
  readonly element: HTMLElement;
  /** Replaces the choices and the selection, if they differ. */
  show(choices: readonly Choice[], chosen: string | undefined): void;
}

/** A native list: the toolkit's list needs style attributes, which the content security policy forbids. */
export function dropdown(label: string, chose: (value: string) => void): Picker {
  const made = element("select", { class: "dropdown", "aria-label": label });
  let shown = "";
  made.addEventListener("change", () => {
    made.title = made.selectedOptions[0]?.label ?? "";
    chose(made.value);
  });
  return {
    element: made,
    show(choices, chosen) {
      const now = JSON.stringify(choices);
      if (now !== shown) {
        shown = now;
        const { value } = made;
        made.replaceChildren(
          ...choices.map((choice) => element("option", { value: choice.value }, choice.label)),
        );
        made.value = value;
      }
      // Setting the same value would move the highlight of an open list back to it.
      if (chosen !== undefined && made.value !== chosen) made.value = chosen;
      // The full text, which a narrow page truncates.
      made.title = made.selectedOptions[0]?.label ?? "";
    },
  };
}

/** A field for a number. Setting `value` does not report a change, and leaves a number that is being typed. */
export interface NumberField {
  readonly element: HTMLElement;
  value: number;
}

/** A field for a number. Invalid text is reverted. */
export function numberField(label: string, value: number, changed: (value: number) => void): NumberField {
  // The component uses its content as the label, which the pages' styles show to screen readers only.
  const made = element("vscode-text-field", { size: "7" }, label);
  let current = value;
  made.value = format(value);
  made.addEventListener("change", () => {
    const typed = Number(made.value);
    if (made.value.trim() === "" || !Number.isFinite(typed)) {
      made.value = format(current);
      return;
    }
    if (made.value === format(current)) return;
    current = typed;
    made.value = format(typed);
    changed(typed);
  });
  return {
    element: made,
    get value() {
      return current;
    },
    set value(next) {
      const isTyped = document.activeElement === made && made.value !== format(current);
      current = next;
      if (!isTyped) made.value = format(next);
    },
  };
}

const format = (value: number): string => String(Number(value.toPrecision(6)));

// The toolkit's ring and tag need style attributes too.
export const busyRing = (label: string): HTMLElement =>
  element("div", { class: "busy-ring", role: "progressbar", "aria-label": label });

export const tag = (text: string): HTMLElement => element("span", { class: "tag" }, text);
