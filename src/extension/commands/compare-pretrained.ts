/**
 * BiaPy: Compare Pretrained and From Scratch: a label study whose trainings are ordinary runs. They wait in the queue, survive the window,
 * and can be watched, stopped and resumed one by one; the same command continues a study and draws what has finished.
 */
import { existsSync } from "node:fs";
import * as v from "valibot";
import * as vscode from "vscode";
import { parseJson } from "../../facts/files/regular-file.ts";
import { counted } from "../../facts/format.ts";
import { resultTree } from "../../facts/result-tree.ts";
import { runName } from "../../facts/run-titles.ts";
import { jobName } from "../../runs/job-name.ts";
import type { RunOrder } from "../../runs/record.ts";
import { studyFiles } from "../../workflow/label-study/files.ts";
import { configurationFile, workingDirectory } from "../workspace/configuration-file.ts";
import { askInOrder, type Choice, choose, enter, kept, type StepPlace } from "../workspace/multi-step.ts";
import { gpuSetting, resultFolder } from "../workspace/run-settings.ts";
import { mayRun } from "../workspace/trust.ts";
import { runTool } from "./device-tools.ts";
import { isAvailable } from "./plan-run.ts";
import type { Services } from "./services.ts";
import { readLabels, readSeeds, type StudySize, sizeArguments, USUAL_SIZE } from "./study-size.ts";

const TITLE = "Compare Pretrained and From Scratch";

/** A training, as listed by `biapy --label_study --prepare`. */
const plannedRun = v.object({
  runId: v.number(),
  configFile: v.string(),
  title: v.string(),
  state: v.picklist(["waiting", "stopped", "finished"]),
});
type PlannedRun = v.InferOutput<typeof plannedRun>;

/** The folder of a study, and the arguments that name it. */
interface Study {
  readonly args: readonly string[];
  readonly resultDirectory: string;
  readonly name: string;
  readonly workingDirectory: string;
}

/** The user's answers: the checkpoint, and the number of trainings. */
interface Answers extends StudySize {
  readonly checkpoint: string;
}

/** Asks for a segmentation's configuration, a checkpoint and the study's size, queues the trainings, and shows the curve when they have ended. */
export async function comparePretrained(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const config = await configurationFile(clicked);
  if (config === undefined) return;
  const answers = await ask(services);
  if (answers === undefined) return;
  const cwd = workingDirectory(config);
  const place = { resultDirectory: resultFolder(config), name: `${jobName(config.fsPath)}_label_study` };
  const study: Study = {
    ...place,
    workingDirectory: cwd,
    args: [
      ...["--label_study", "--config", config.fsPath, "--checkpoint", answers.checkpoint],
      ...["--result_dir", place.resultDirectory, "--name", place.name],
      ...sizeArguments(answers),
    ],
  };
  const planned = await prepare(services, study);
  if (planned.length === 0)
    throw new Error(
      "There are no trainings: every number of labeled images is above that of DATA.TRAIN.PATH.",
    );
  const open = planned.filter(({ state }) => state !== "finished");
  if (open.length > 0 && !(await confirm(planned.length, open.length))) return;
  const queued = await queue(services, study, open);
  if (queued === undefined) return;
  if (queued.length > 0 && !(await watch(services, queued))) return;
  await showCurve(services, study);
}

/** Writes the configurations of a study's trainings and lists them. Throws errors whose message is for the user. */
async function prepare(services: Services, study: Study): Promise<readonly PlannedRun[]> {
  const { lines, notes } = await tool(services, study, "--prepare");
  const planned = lines.map((line) => parseJson(line, plannedRun));
  if (notes.length > 0) void vscode.window.showWarningMessage(`${TITLE}: ${notes.join(" ")}`);
  return planned;
}

async function confirm(all: number, open: number): Promise<boolean> {
  const start = "Queue Trainings";
  const detail =
    open < all
      ? `${all - open} of ${all} have finished already; the others are added to the queue.`
      : "Half of them start from the checkpoint, half from scratch, with the same images and random numbers.";
  const message = `This comparison needs ${counted(open, "training")}.`;
  return (await vscode.window.showInformationMessage(message, { modal: true, detail }, start)) === start;
}

/** Adds the trainings to the queue, as runs of the study's job. Returns their identities. */
async function queue(
  { engines, runs }: Services,
  study: Study,
  open: readonly PlannedRun[],
): Promise<readonly string[] | undefined> {
  const engine = engines.find(({ id }) => id === "embedded");
  if (engine === undefined || !(await isAvailable(engine))) return undefined;
  const gpu = gpuSetting();
  const { resultDirectory, name, workingDirectory } = study;
  await runs.ready();
  const ids: string[] = [];
  for (const { runId, configFile, state } of open) {
    const id = resultTree(resultDirectory, name, runId).runDirectory;
    ids.push(id);
    if (runs.find(id)?.live?.isActive) continue;
    const resume = state === "stopped";
    const order: RunOrder = { configFile, resultDirectory, name, runId, resume, gpu, workingDirectory };
    await runs.start(order, engine, await engine.command(order), { queued: true });
  }
  return ids;
}

/** Shows how many trainings have ended, until all have. Canceling stops them. Returns whether all ended without that. */
async function watch({ runs }: Services, ids: readonly string[]): Promise<boolean> {
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title: TITLE, cancellable: true }, (progress, canceled) => {
    let reported = 0;
    return new Promise<boolean>((settle) => {
      const look = () => {
        const active = ids.filter((id) => runs.find(id)?.live?.isActive);
        const ended = ids.length - active.length;
        const increment = (100 * (ended - reported)) / ids.length;
        reported = ended;
        progress.report({ message: `${ended} of ${ids.length} trainings have ended`, increment });
        if (active.length > 0) return;
        subscription.dispose();
        settle(!canceled.isCancellationRequested);
      };
      const subscription = runs.onDidChangeRuns(look);
      canceled.onCancellationRequested(() => {
        for (const id of ids) void runs.stop(id);
      });
      look();
    });
  });
}

/** Draws the curve of the finished trainings and shows the verdict. */
async function showCurve(services: Services, study: Study): Promise<void> {
  const { lines } = await tool(services, study, "--collect");
  const { chart } = studyFiles(study.resultDirectory, study.name);
  const show = "Show Chart";
  const verdicts = lines.filter((line) => /labeled images?: IoU|trainings have finished/.test(line));
  const answer = await vscode.window.showInformationMessage(
    `${TITLE}: ${verdicts.join(" · ")}`,
    ...(existsSync(chart) ? [show] : []),
  );
  if (answer === show) await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(chart));
}

interface Printed {
  readonly lines: readonly string[];
  /** Its standard error. */
  readonly notes: readonly string[];
}

/** Runs the study's command line. Throws its refusals, with messages for the user. */
async function tool({ context, output }: Services, study: Study, step: string): Promise<Printed> {
  const [lines, notes]: [string[], string[]] = [[], []];
  const read = (line: string) => {
    lines.push(line);
    output.info(line);
  };
  const errors = (line: string) => notes.push(line);
  const cwd = study.workingDirectory;
  const code = await runTool(context, [...study.args, step], read, { cwd, errors });
  if (code !== 0) throw new Error(notes.join("\n") || `${TITLE} ended with code ${code}.`);
  return { lines, notes };
}

/** Asks the questions one after another. Returns undefined if the user canceled. */
async function ask(services: Services): Promise<Answers | undefined> {
  let checkpoint: string | undefined;
  let { labels, seeds } = USUAL_SIZE;
  const done = await askInOrder([
    async (place) =>
      kept(await pickCheckpoint(services, place, checkpoint), (path) => {
        checkpoint = path;
      }),
    async (place) => {
      const answer = await enter({
        ...place,
        title: `BiaPy: ${TITLE}`,
        prompt: "How many labeled images? Numbers above that of the training images are left out.",
        placeholder: "1, 2, 4, … up to all training images",
        proposed: labels.join(", "),
        read: readLabels,
      });
      return kept(answer, (numbers) => {
        labels = numbers;
      });
    },
    async (place) => {
      const answer = await enter({
        ...place,
        title: `BiaPy: ${TITLE}`,
        prompt:
          "How many seeds? Each is a training from the checkpoint and one from scratch for each number of labels.",
        proposed: String(seeds),
        read: readSeeds,
      });
      return kept(answer, (number) => {
        seeds = number;
      });
    },
  ]);
  return done && checkpoint !== undefined ? { checkpoint, labels, seeds } : undefined;
}

/** In place of a checkpoint: one that is chosen in a dialog. */
const OTHER_FILE = "";

/** Asks for a checkpoint of a known run, or a file. */
async function pickCheckpoint(
  services: Services,
  place: StepPlace,
  proposed: string | undefined,
): Promise<string | undefined> {
  const answer = await choose({
    ...place,
    title: `BiaPy: ${TITLE}`,
    placeholder: "Which pretrained checkpoint?",
    choices: checkpoints(services),
    proposed,
  });
  if (answer !== OTHER_FILE) return answer;
  const found = await vscode.window.showOpenDialog({
    title: "Which pretrained checkpoint?",
    filters: { Checkpoints: ["pth", "safetensors"] },
  });
  // Closing the dialog returns to the list.
  return found?.[0]?.fsPath ?? pickCheckpoint(services, place, proposed);
}

/** The best checkpoints of the known runs, then the choice of a file. */
async function checkpoints({ runs }: Services): Promise<readonly Choice<string>[]> {
  await runs.ready();
  const known = runs.known.flatMap(({ order, summary }) => {
    const value = resultTree(order.resultDirectory, order.name, order.runId).bestCheckpoint;
    return existsSync(value) ? [{ label: runName(summary), description: value, value }] : [];
  });
  return [...known, { label: "$(folder-opened) Choose a File…", value: OTHER_FILE }];
}
