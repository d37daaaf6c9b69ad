#!/bin/sh
# Checks this bundle on an NVIDIA GPU: sh run.sh [--small] [--only devices,losses,resume,memory,pytorch] [--out FOLDER]
# Needs Linux on x64 and python3 (3.12 or later), and PyTorch to compare step times. Installs nothing outside this folder.
set -e
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
"$python" "$here/prepare.py" "$here"
export XDG_CACHE_HOME="$here/cache"
export LD_LIBRARY_PATH="$here/libraries:$LD_LIBRARY_PATH"
# Containers often have NVIDIA's driver without the file that names it to Vulkan.
if [ -z "$VK_ICD_FILENAMES" ] && ! ls /etc/vulkan/icd.d/*nvidia* /usr/share/vulkan/icd.d/*nvidia* >/dev/null 2>&1; then
  driver=$(ldconfig -p 2>/dev/null | sed -n 's/.*=> \(.*libGLX_nvidia\.so\.0\)$/\1/p' | head -n 1)
  if [ -n "$driver" ]; then
    printf '{"file_format_version":"1.0.0","ICD":{"library_path":"%s","api_version":"1.3.0"}}\n' "$driver" > "$here/nvidia_icd.json"
    export VK_ICD_FILENAMES="$here/nvidia_icd.json"
  else
    echo "No libGLX_nvidia.so.0: the driver has no Vulkan here, and WebGPU will find no NVIDIA GPU." >&2
  fi
fi
"$here/node" "$here/gpu-check.mjs" --python "$python" --storage "$here/storage" "$@"
