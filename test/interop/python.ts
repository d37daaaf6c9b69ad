/** The Python with BiaPy and PyTorch that judges, and why tests are skipped without it. */
export const python = process.env.BIAPY_PYTHON ?? "";
export const skip = python === "" ? "BIAPY_PYTHON is not set" : false;
