/** The ids of this extension's commands, each contributed by package.json. */

export const COMMAND_IDS = [
  "biapy.newConfiguration",
  "biapy.runTraining",
  "biapy.debugTraining",
  "biapy.openTrainerSource",
  "biapy.stopTraining",
  "biapy.resumeTraining",
  "biapy.openTrainingPanel",
  "biapy.showResults",
  "biapy.compareRuns",
  "biapy.viewImages",
  "biapy.openInTensorBoard",
  "biapy.installGpuRuntime",
  "biapy.selectDevice",
  "biapy.selectEngine",
  "biapy.createPythonEnvironment",
  "biapy.exportNotebook",
  "biapy.exportSlurmScript",
  "biapy.showCommandLines",
  "biapy.openSampleWorkspace",
  "biapy.trainSample",
  "biapy.copyRunCommand",
  "biapy.runInTerminal",
  "biapy.showRunLog",
  "biapy.results.refresh",
  "biapy.results.open",
  "biapy.results.reveal",
  "biapy.results.useCheckpoint",
  "biapy.results.delete",
] as const;

export type CommandId = (typeof COMMAND_IDS)[number];
