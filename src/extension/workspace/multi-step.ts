/** Questions one after another in quick picks and input boxes, with a Back button. */
import * as vscode from "vscode";

/** How a question ended. A step that has nothing to ask is skipped. */
export type StepEnd = "answered" | "skipped" | "back" | "canceled";

/** Where a question stands among the others. */
export interface StepPlace {
  /** 1-based. */
  readonly step: number;
  readonly steps: number;
}

/** Asks a question and keeps the answer. */
export type Step = (place: StepPlace) => Promise<StepEnd>;

/** Asks the questions in order. Back returns to the previous one. Returns false if the user canceled. */
export async function askInOrder(steps: readonly Step[]): Promise<boolean> {
  const asked: number[] = [];
  for (let at = 0, ask = steps[at]; ask !== undefined; ask = steps[at]) {
    // Questions that were skipped are not counted: no number is left out.
    const skipped = at - asked.length;
    const end = await ask({ step: asked.length + 1, steps: steps.length - skipped });
    if (end === "canceled") return false;
    if (end === "back") {
      const before = asked.pop();
      if (before === undefined) return false;
      at = before;
    } else {
      if (end === "answered") asked.push(at);
      at++;
    }
  }
  return true;
}

/** An entry of a list. One without a value is a separator. */
export interface Choice<T> extends vscode.QuickPickItem {
  readonly value?: T;
}

/** A question with a list of choices. */
export interface Question<T> extends StepPlace {
  readonly title: string;
  readonly placeholder: string;
  /** The choices; a promise shows the list as busy until they are known. */
  readonly choices: readonly Choice<T>[] | Promise<readonly Choice<T>[]>;
  /** The choice that is active first. */
  readonly proposed?: T;
}

/** How a step ended, with its answer kept. */
export function kept<T>(answer: T | "back" | undefined, keep: (answer: T) => void): StepEnd {
  if (answer === undefined) return "canceled";
  if (answer === "back") return "back";
  keep(answer);
  return "answered";
}

/** A question that is answered with a text. */
export interface TextQuestion<T> extends StepPlace {
  readonly title: string;
  readonly prompt: string;
  readonly placeholder?: string;
  /** The text that can be accepted or changed. */
  readonly proposed: string;
  /** Returns the answer that a text means, or why it means none. */
  readonly read: (text: string) => { readonly value: T } | { readonly problem: string };
}

/** Asks for a text. Returns its meaning, `"back"`, or undefined if the user canceled. */
export async function enter<T>({
  title,
  prompt,
  placeholder,
  proposed,
  read,
  step,
  steps,
}: TextQuestion<T>): Promise<T | "back" | undefined> {
  const box = vscode.window.createInputBox();
  Object.assign(box, { title, prompt, placeholder, value: proposed, step, totalSteps: steps });
  box.ignoreFocusOut = true;
  box.buttons = step > 1 ? [vscode.QuickInputButtons.Back] : [];
  const answer = new Promise<T | "back" | undefined>((resolve) => {
    box.onDidTriggerButton(() => resolve("back"));
    box.onDidChangeValue((text) => {
      const found = read(text);
      box.validationMessage = "problem" in found ? found.problem : undefined;
    });
    box.onDidAccept(() => {
      const found = read(box.value);
      if ("problem" in found) box.validationMessage = found.problem;
      else resolve(found.value);
    });
    box.onDidHide(() => resolve(undefined));
  });
  try {
    box.show();
    return await answer;
  } finally {
    box.dispose();
  }
}

/** Shows one question. Returns the value of the choice, `"back"`, or undefined if the user canceled. Rejects if the choices do. */
export async function choose<T>({
  title,
  placeholder,
  choices,
  proposed,
  step,
  steps,
}: Question<T>): Promise<T | "back" | undefined> {
  const list = vscode.window.createQuickPick<Choice<T>>();
  list.title = title;
  list.step = step;
  list.totalSteps = steps;
  list.placeholder = placeholder;
  list.ignoreFocusOut = true;
  list.matchOnDescription = true;
  list.buttons = step > 1 ? [vscode.QuickInputButtons.Back] : [];
  const show = (items: readonly Choice<T>[]) => {
    list.items = items;
    const active = items.find(({ value }) => value !== undefined && value === proposed);
    if (active !== undefined) list.activeItems = [active];
  };
  const answer = new Promise<T | "back" | undefined>((resolve) => {
    list.onDidTriggerButton(() => resolve("back"));
    list.onDidAccept(() => {
      // Enter before the list has loaded is ignored.
      const [selected] = list.selectedItems;
      if (selected !== undefined) resolve(selected.value);
    });
    list.onDidHide(() => resolve(undefined));
  });
  const load = async () => {
    show(await choices);
    list.busy = false;
    return answer;
  };
  try {
    list.busy = true;
    list.show();
    // The user may answer or cancel before the choices are known. If these cannot be found, the question ends with the error.
    return await Promise.race([answer, load()]);
  } finally {
    list.dispose();
  }
}
