#!/bin/sh
# Puts headers, libraries, the pkg-config file and the CMake package into a prefix:
#   cargo build --release -p rhapsode-c && bindings/c/install.sh /usr/local
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:?usage: install.sh PREFIX [FOLDER OF THE BUILT LIBRARIES]}
built=${2:-$here/../../target/release}
mkdir -p "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/rhapsode"
prefix=$(cd "$prefix" && pwd)
cp "$here/include/rhapsode.h" "$here/include/rhapsode.hpp" "$prefix/include"
for library in librhapsode_c.so librhapsode_c.dylib librhapsode_c.a rhapsode_c.dll rhapsode_c.lib; do
    if [ -f "$built/$library" ]; then cp "$built/$library" "$prefix/lib"; fi
done
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -1)
sed "s|@PREFIX@|$prefix|; s|@VERSION@|$version|" "$here/rhapsode.pc.in" > "$prefix/lib/pkgconfig/rhapsode.pc"
cp "$here/cmake/rhapsodeConfig.cmake" "$prefix/lib/cmake/rhapsode"
sed "s|@VERSION@|$version|" "$here/cmake/rhapsodeConfigVersion.cmake.in" > "$prefix/lib/cmake/rhapsode/rhapsodeConfigVersion.cmake"
