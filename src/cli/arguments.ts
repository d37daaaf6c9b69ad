/** The command line's options: BiaPy's own, and those of the embedded engine. */

import { Command, InvalidArgumentError, Option } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { EXIT } from "../facts/exit-codes.ts";
import { runArguments } from "../facts/run-arguments.ts";
import { RUNTIMES, type RuntimeName } from "../runtime/open-runtime.ts";
import { PRECISIONS, type Precision } from "../runtime/precision.ts";
import { TOOLS_HELP } from "./tools.ts";

/** The options as given, by their names. */
export interface Arguments {
  readonly config: string;
  readonly result_dir: string;
  readonly name: string;
  readonly run_id: number;
  readonly gpu?: string;
  readonly runtime?: RuntimeName;
  readonly resume?: boolean;
  readonly events?: boolean;
  readonly norm_pix_loss?: boolean;
  readonly precision?: Precision;
  readonly part_size?: number;
  readonly try_batch?: number;
  readonly features?: boolean;
  readonly export_model?: true | string;
  readonly labels?: string;
}

/** Short forms of options, as BiaPy's Docker image accepts them. */
const SHORT: Readonly<Record<string, string>> = {
  "-cfg": "--config",
  "-rdir": "--result_dir",
  "-name": "--name",
  "-rid": "--run_id",
  "-gpu": "--gpu",
};

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number, such as 1.");
}

/** Parses the arguments. Ends the process with exit code 2 if they are invalid, and after `--help` and `--version`. */
export function parseArguments(argv: readonly string[]): Arguments {
  const command = new Command("biapy")
    .description("Trains and tests a model from a BiaPy configuration with the embedded engine.")
    .requiredOption("--config <file>", "YAML configuration (-cfg)")
    .option("--result_dir <folder>", "folder for results (-rdir)", ".")
    .requiredOption("--name <name>", "job name: letters, digits, underscore (-name)")
    .option("--run_id <number>", "run number, which distinguishes the runs of a job (-rid)", wholeNumber, 1)
    .option("--gpu <number>", 'GPU index, or "" for the CPU (-gpu; default: the fastest device)')
    .addOption(
      new Option("--runtime <name>", "runtime that computes (default: the fastest available)").choices(
        RUNTIMES,
      ),
    )
    .option("--resume", "resume the run from its last checkpoint")
    .option("--norm_pix_loss", "normalize target pixels per token (He et al. 2022)")
    .addOption(
      new Option(
        "--precision <name>",
        "half-storage keeps values for the gradients in float16, to save memory on the CPU; mixed computes products in float16 on GPUs that support it, as PyTorch's autocast does (default: single)",
      ).choices(PRECISIONS),
    )
    .option(
      "--part_size <number>",
      "patches computed at a time: gradients of a batch are added up, with the same result in less memory (default: the whole batch)",
      wholeNumber,
    )
    .option(
      "--features",
      "write the encoder's features of the test images, from the run's checkpoint, instead of training",
    )
    .option(
      "--export_model [checkpoint]",
      "write the model as a package for the BioImage Model Zoo (MODEL.BMZ.EXPORT), from the run's checkpoint or the named one, instead of training",
    )
    .option(
      "--labels <folder>",
      "with --features: masks of test images, to evaluate the features by a linear probe",
    )
    .addOption(
      new Option("--try_batch <size>", "test whether a step with this batch size fits in memory")
        .argParser(wholeNumber)
        .hideHelp(),
    )
    .addHelpText("after", TOOLS_HELP)
    .option("--events", "write run events as JSON Lines instead of a progress bar")
    .version(packageFile.version)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.badInput));
  command.parse(
    argv.map((argument) => SHORT[argument] ?? argument),
    { from: "user" },
  );
  const given = command.opts<Arguments>();
  if (given.labels !== undefined && !given.features) command.error("--labels requires --features.");
  return given;
}

/** Returns the arguments that resume a run. */
export function resumeArguments(given: Arguments): string[] {
  const { config: configFile, result_dir: resultDirectory, name, run_id: runId } = given;
  const options = ["precision", "part_size", "gpu", "runtime"] as const;
  const values = options.flatMap((option) =>
    given[option] === undefined ? [] : [`--${option}`, String(given[option])],
  );
  const target = given.norm_pix_loss ? ["--norm_pix_loss"] : [];
  return [...runArguments({ configFile, resultDirectory, name, runId }), "--resume", ...values, ...target];
}
