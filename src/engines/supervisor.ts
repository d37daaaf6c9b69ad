/** The supervisor's process, bundled as dist/supervisor.mjs. Its argument is the folder of the run's record. */
import { supervise } from "../runs/supervisor.ts";
import { outputReader } from "./open-output-reader.ts";

await supervise(process.argv[2], outputReader);
process.exit();
