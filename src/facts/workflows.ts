/** The workflows of the embedded engine: their keys in a configuration, and their titles. */

export interface WorkflowFact {
  /** PROBLEM.TYPE. */
  readonly problem: "SELF_SUPERVISED" | "DENOISING" | "SEMANTIC_SEG";
  /** PROBLEM.SELF_SUPERVISED.PRETEXT_TASK, if the problem has several tasks. */
  readonly pretextTask?: "masking" | "crappify";
  /** Title that completes "Training by …". */
  readonly title: string;
}

/** Every workflow by its name, which is also that of its file in `src/workflow/tasks`. */
export const WORKFLOWS = {
  masking: { problem: "SELF_SUPERVISED", pretextTask: "masking", title: "masking" },
  crappify: { problem: "SELF_SUPERVISED", pretextTask: "crappify", title: "restoring degraded images" },
  denoising: { problem: "DENOISING", title: "denoising" },
  segmentation: { problem: "SEMANTIC_SEG", title: "segmentation" },
} as const satisfies Readonly<Record<string, WorkflowFact>>;

export type WorkflowName = keyof typeof WORKFLOWS;

/** Returns the number of output channels for DATA.N_CLASSES classes: one for background and foreground, else one for each. */
export const logitsOf = (classes: number): number => (classes <= 2 ? 1 : classes);

/**
 * PROBLEM.DENOISING.N2V_MANIPULATOR: how the new value of a hidden pixel is computed from its neighbors. CP is the hidden pixel itself,
 * the center pixel.
 */
export const N2V_MANIPULATORS = [
  "uniform_withCP",
  "uniform_withoutCP",
  "normal_withoutCP",
  "normal_additive",
  "normal_fitted",
  "mean",
  "median",
  "identity",
] as const;
export type N2vManipulator = (typeof N2V_MANIPULATORS)[number];
