# shellcheck shell=bash
#
# The part of tools/bazel that makes a root directory with Debian's Bazel, or unpacks one from the store. tools/bazel
# sources it only if there is no root yet. root.lock lists the packages of the last root that was tested.
# shellcheck disable=SC2154 # state, version, packages, root, stored, recipe and host_files are set in tools/bazel

readonly suite=forky
readonly no_bazel="no bazel from 7.7 up to 8 on PATH"

# install_root makes the root, one call at a time. It gets its name at the end, so a directory with that name is complete.
install_root() { # ARGUMENT… of tools/bazel
  local mask temp=$state/bazel-root.tmp
  log=$state/bazel-root.log
  from="Debian $suite, about 1.5 GB"
  if [[ -n $stored ]]; then
    from="the store, about 1.5 GB"
  elif airgap "$@"; then
    error "root/${root##*/}.tar is not in the store $RELEASE_STORE, and --config=airgap allows no download" \
      "unpack a bundle into the store that has this root${RELEASE_ROOT_PACKAGES:+, with the packages of RELEASE_ROOT_PACKAGES: $RELEASE_ROOT_PACKAGES}"
  else
    type -P apt-get >/dev/null || error "$no_bazel, and no apt-get to install one: install Bazelisk"
  fi
  # Child processes hold the lock too. If this script is killed, the next call waits until they have ended.
  exec 9>>"$state/bazel-root.lock"
  if ! flock -n 9; then
    echo "bazel: waiting for another call, which is installing Bazel" >&2
    flock 9
  fi
  mask=$(umask)
  umask 022
  : >"$log"
  [[ -n $stored ]] || get_tools
  if [[ ! -d $root ]]; then
    trap 'exec 7>&-; rm -rf --one-file-system -- "$state/bazel-root.tmp"' EXIT
    trap '[[ ! -t 2 ]] || echo >&2; exit 130' INT TERM HUP
    rm -rf --one-file-system -- "$temp"
    mkdir -m 0755 -- "$temp"
    SECONDS=0
    if [[ -n $stored ]]; then
      unpack_root "$temp"
    else
      make_root "$temp"
      finish_root "$temp/root"
    fi
    try_root "$temp/root"
    compare_packages "$temp/root"
    mv -- "$temp/root" "$root"
    rmdir -- "$temp"
    trap - EXIT INT TERM HUP
  fi
  umask "$mask"
  exec 9>&-
}

# airgap reports whether the network may not be used.
airgap() {
  [[ ${RELEASE_AIRGAP-} != 1 ]] || return 0
  while (($#)); do
    [[ $1 != --config=airgap && "$1 ${2-}" != "--config airgap" ]] || return 0
    [[ $1 != -- ]] || return 1
    shift
  done
  return 1
}

# unpack_root compares the digest of a root in the store and unpacks it. The list of packages by which it was found has
# to be the same as in the root.
unpack_root() { # TEMP
  local got want name tar=$RELEASE_STORE/root/$stored.tar list=$RELEASE_STORE/root/$stored.packages.json
  local hint="the file was changed after it was stored: unpack the bundle into the store again"
  read -r want name 2>/dev/null <"$tar.sha256" || error "digest of $tar: $tar.sha256 is missing, or empty" "$hint"
  [[ $name == "$stored.tar" ]] || error "digest of $tar: $tar.sha256 has the digest of ${name:-nothing}, want $stored.tar" "$hint"
  show comparing begins
  read -r got _ < <(sha256sum <"$tar") || error "cannot read $tar"
  [[ $got == "$want" ]] || error "sha256 of $tar: got ${got:-none}, want $want" "$hint"
  mkdir -m 0755 -- "$1/root"
  work unpacking tar --no-same-owner -C "$1/root" -xf "$tar"
  [[ ! -t 2 ]] || echo >&2
  [[ -e $list && -e $1/root/root.packages.json ]] || return 0
  read -r got _ < <(sha256sum <"$list") && read -r want _ < <(sha256sum <"$1/root/root.packages.json")
  [[ $got == "$want" ]] || error "sha256 of $list: got $got, want $want" "$hint"
}

# get_tools installs the tools that make a root, if they are missing and the user may install them.
get_tools() {
  local user missing=() install
  user=$(id -un)
  type -P mmdebstrap >/dev/null || missing+=(mmdebstrap)
  [[ $user == root ]] || type -P newuidmap >/dev/null || missing+=(uidmap)
  if [[ ${#missing[@]} -gt 0 ]]; then
    [[ $user == root ]] || error "$no_bazel: install Bazelisk, or as root run: apt-get install ${missing[*]}"
    echo "bazel: installing ${missing[*]}" >&2
    install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}")
    "${install[@]}" >>"$log" 2>&1 </dev/null || { apt-get update && "${install[@]}"; } >>"$log" 2>&1 </dev/null || failed
  fi
  [[ $user == root ]] || grep -qs "^$user:" /etc/subuid ||
    error "$no_bazel: install Bazelisk, or as root run: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user"
  ! type -P bwrap >/dev/null || try_bwrap /
}

# try_bwrap fails if bubblewrap does not work.
try_bwrap() { # ROOT
  local bwrap
  find_bwrap "$1"
  "${bwrap[@]}" --dev-bind / / -- true 2>>"$log" || error "$no_bazel, and bubblewrap does not work here ($(tail -n 1 "$log")): install Bazelisk"
}

# find_site sets REPLY to the site from which the package manager gets Debian: the original, a mirror or a proxy.
find_site() {
  local origin label
  while IFS='|' read -r REPLY origin label; do
    [[ $origin != Debian || $label != Debian ]] || return 0
  done < <(apt-get indextargets --format "\$(SITE)|\$(ORIGIN)|\$(LABEL)" 'Created-By: Packages' 2>/dev/null)
  return 1
}

make_root() { # TEMP
  # Nothing has to survive a power cut before the root is complete, so dpkg need not sync each file.
  # Until the end there is apt's index, which describes each package.
  # shellcheck disable=SC2016
  local show='apt-cache show --no-all-versions $(dpkg-query -W -f "\${binary:Package}=\${Version} ")'
  # With this locale, Bazel reads file names as Latin-1, so that bytes are kept. Actions do not see the locale.
  local locale='localedef -i en_US -f ISO-8859-1 --no-archive en_US.ISO-8859-1'
  local line options=(--variant=minbase --dpkgopt=force-unsafe-io "--include=${packages//$'\n'/,}"
    "--customize-hook=chroot \"\$1\" $locale"
    "--customize-hook=chroot \"\$1\" sh -c '$show' >\"\$1/root.packages\"")
  find_site || { [[ $(id -un) == root ]] && apt-get update >>"$log" 2>&1 </dev/null && find_site; } ||
    error "$no_bazel, and apt-get has no Debian site to install one from: install Bazelisk"
  # Use the package manager's proxies and its settings for old indexes (a mirror may be frozen).
  while IFS= read -r line; do
    [[ ! $line =~ ^Acquire::(https?|Check|Retries|Force) ]] || options+=("--aptopt=$line")
  done < <(apt-config dump 2>/dev/null)
  if [[ $(id -un) == root ]]; then
    # Its mounts end with it, even if it is killed.
    work downloading unshare --mount mmdebstrap --mode=root "${options[@]}" "$suite" "$1/root" "$REPLY"
  else
    work downloading mmdebstrap --mode=unshare "${options[@]}" "$suite" "$1/root.tar" "$REPLY"
    mkdir -m 0755 -- "$1/root"
    work unpacking tar --no-same-owner --exclude './dev/*' -C "$1/root" -xf "$1/root.tar"
    rm -- "$1/root.tar"
  fi
  [[ ! -t 2 ]] || echo >&2
}

# finish_root makes Debian's Bazel behave like the upstream one.
finish_root() { # ROOT
  local file share=/usr/share/bazel pair
  for file in $host_files; do # mount points for the machine's own files
    file=$1/etc/$file
    [[ ! -L $file ]] || rm -- "$file"
    [[ -e $file ]] || { mkdir -p -- "${file%/*}" && : >"$file"; }
  done
  # Debian's server does not know its version: "bazel version" fails, and native.bazel_version is empty.
  echo "build.label=$version" >"$1/etc/bazel/build-data.properties"
  echo /etc/bazel >>"$1$share/bazel_classpath_debian_depends.txt"
  {
    echo "startup --install_base=$share --trust_install_base"
    # A server that runs in another root has to be replaced by one in this root.
    echo "startup --host_jvm_args=-Drelease.root=${root##*/}"
    # Debian packages the repositories that Bazel otherwise downloads first. This is configured here and not in the
    # project, whose WORKSPACE and MODULE.bazel are for every Bazel.
    for pair in bazel_skylib=tools/skylib platforms=tools/platforms bazel_features=tools/features rules_cc=rules/cc \
      rules_java=rules/java rules_license=rules/license rules_proto=rules/proto rules_python=rules/python rules_shell=rules/shell; do
      [[ -d $1$share/${pair#*=} ]] || continue
      echo "common --override_repository=${pair%%=*}=$share/${pair#*=}"
      echo "common --override_module=${pair%%=*}=$share/${pair#*=}"
    done
    # These it does not package. Bazel's own module names them, but uses nothing of them in this project's builds.
    for pair in apple_support buildozer protobuf zlib; do
      empty_module "$1" "$share/modules/$pair"
      echo "common --override_module=$pair=$share/modules/$pair"
    done
  } >"$1/etc/bazel/bazelrc"
  write_packages "$1"
}

# empty_module makes a module without targets. Bazel's own module calls the extension of buildozer.
empty_module() { # ROOT DIRECTORY
  mkdir -p -- "$1$2"
  echo "module(name = \"${2##*/}\")" >"$1$2/MODULE.bazel"
  : >"$1$2/BUILD.bazel"
  echo 'buildozer_binary = module_extension(implementation = lambda _mctx: None)' >"$1$2/buildozer_binary.bzl"
}

try_root() { # ROOT
  try_bwrap "$1"
  REPLY=$(enter "$1" bazel --version 2>>"$log") || failed
  [[ $REPLY == "bazel $version" ]] || error "Debian $suite has ${REPLY:-no bazel}, but .bazelversion has $version: install Bazelisk"
}

# write_packages writes root.packages.json, the root's packages with the digests of their archives in the index, one per
# line. It makes it from root.packages, which it deletes.
write_packages() { # ROOT
  local line name='' build='' arch='' sum='' rows=()
  while IFS= read -r line; do
    case $line in
    Package:\ *) name=${line#*: } ;;
    Version:\ *) build=${line#*: } ;;
    Architecture:\ *) arch=${line#*: } ;;
    SHA256:\ *) sum=${line#*: } ;;
    '')
      [[ -z $name ]] || rows+=("{\"name\": \"$name\", \"version\": \"$build\", \"architecture\": \"$arch\", \"sha256\": \"$sum\"}")
      name='' build='' arch='' sum=''
      ;;
    esac
  done < <(cat -- "$1/root.packages" && echo)
  [[ ${#rows[@]} -gt 0 ]] || error "cannot find out the packages of the root" "the whole log is $log"
  rm -- "$1/root.packages"
  {
    printf '{\n  "schema": "release-builder/root/v1",\n  "root": "%s",\n  "made_by": "%s",\n  "suite": "%s",\n  "packages": [\n' \
      "${root##*/}" "$recipe $HOSTTYPE $version" "$suite"
    printf '%s\n' "${rows[@]}" | LC_ALL=C sort -u | { read -r line && printf '    %s' "$line" && while read -r line; do printf ',\n    %s' "$line"; done; }
    printf '\n  ]\n}\n'
  } >"$1/root.packages.json"
}

# read_packages prints the packages of a root in the format of root.lock: name, version, architecture and sha256 per line.
read_packages() { # ROOT
  local line
  while IFS= read -r line; do
    [[ $line =~ ^\ *\{\"name\":\ \"(.*)\",\ \"version\":\ \"(.*)\",\ \"architecture\":\ \"(.*)\",\ \"sha256\":\ \"(.*)\"\},?$ ]] || continue
    printf '%s %s %s %s\n' "${BASH_REMATCH[@]:1:4}"
  done <"$1/root.packages.json"
}

# compare_packages warns, in one line, about packages that differ from root.lock. Debian's archive changes over time, so
# that is not an error. Packages that are not in root.lock were asked for, or are dependencies of those.
compare_packages() { # ROOT
  local line name lock=${self%/*}/launcher/root.lock other=()
  local -A have=()
  [[ -r $lock && -r $1/root.packages.json ]] && read -r line <"$lock" || return 0
  [[ $line == *" $HOSTTYPE:"* ]] || return 0 # on another architecture, all would differ
  while IFS= read -r line; do
    have[${line%% *}]=$line
  done < <(read_packages "$1")
  while IFS= read -r line; do
    name=${line%% *}
    [[ $name == '#' || ${have[$name]-} == "$line" ]] || other+=("$name")
  done <"$lock"
  [[ ${#other[@]} -gt 0 ]] || return 0
  line=${other[*]:0:3}
  echo "bazel: warning: ${#other[@]} packages of the root differ from tools/launcher/root.lock: ${line// /, }$([[ ${#other[@]} -le 3 ]] || echo ', …')" >&2
}

# work runs a command and shows its progress. The command has its own process group, and a guard outside of it ends the
# group when this script ends in any way: mmdebstrap reacts only to a signal to all its processes.
work() { # STAGE COMMAND…
  local stage=$1 line worker
  shift
  exec 7> >(trap '' INT TERM HUP && exec 9>&- && read -r worker && { read -r || kill -TERM -- "-$worker"; })
  exec 8< <(echo "$BASHPID" >&7 && exec 7>&- && exec setsid "$@" 2>&1 </dev/null)
  worker=$!
  show "$stage" begins
  while IFS= read -r -t 1 line <&8 || (($? > 128)); do # over 128: nothing arrived for a second
    [[ -z $line ]] || printf '%s\n' "$line" >>"$log"
    if [[ $line == "I: "*... ]]; then
      stage=${line#I: } && stage=${stage%...} && show "$stage" begins
    else
      show "$stage" goes-on
    fi
  done
  echo ended >&7
  exec 7>&- 8<&-
  wait "$worker" || failed
}

# show updates one line on a terminal; otherwise it writes a line when a stage begins.
show() { # STAGE begins|goes-on
  local text="bazel: installing Bazel $version ($from, once): $1… $SECONDS s"
  if [[ -t 2 ]]; then
    printf '\r\033[K%s' "$text" >&2
  elif [[ $2 == begins ]]; then
    printf '%s\n' "$text" >&2
  fi
}

failed() {
  [[ ! -t 2 ]] || echo >&2
  tail -n 15 -- "$log" >&2
  error "cannot install Bazel $version" "the whole log is $log"
}
