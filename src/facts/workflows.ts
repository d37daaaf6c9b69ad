/** The workflows of the embedded engine: what BiaPy calls them in a configuration, and how people read them. */

export interface WorkflowFact {
  /** PROBLEM.TYPE. */
  readonly problem: "SELF_SUPERVISED";
  /** PROBLEM.SELF_SUPERVISED.PRETEXT_TASK, where the problem has several. */
  readonly pretextTask?: "masking" | "crappify";
  /** What it does, in words that complete "Training by …". */
  readonly title: string;
}

/** Every workflow by its name, which is also that of its file in `src/workflow/tasks`. */
export const WORKFLOWS = {
  masking: { problem: "SELF_SUPERVISED", pretextTask: "masking", title: "masking" },
  crappify: { problem: "SELF_SUPERVISED", pretextTask: "crappify", title: "restoring worsened images" },
} as const satisfies Readonly<Record<string, WorkflowFact>>;

export type WorkflowName = keyof typeof WORKFLOWS;
