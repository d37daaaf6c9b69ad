/** The supervisor's process, bundled as dist/supervisor.mjs. Its argument is the folder of the run's record. */
import { supervise } from "../runs/supervisor.ts";
import { outputReader } from "./open-output-reader.ts";

const [, , record] = process.argv;
if (record === undefined) {
  console.error("The supervisor needs the folder of a run's record.");
  process.exit(2);
}
await supervise(record, outputReader);
process.exit();
