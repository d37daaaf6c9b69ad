/** Copies a PNG to the clipboard. Rejects if the page is not allowed to. */
export async function copyPng(png: Promise<Blob>): Promise<void> {
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
}

/** Copies text to the clipboard. Rejects if the page is not allowed to. */
export async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}
