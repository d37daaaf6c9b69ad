export function bundleCommand(folder: string): Promise<string>;
