# shellcheck shell=bash
#
# The part of tools/bazel that makes a root directory with Debian's Bazel in it, or unpacks one that is in the store; read
# only where there is none yet. root.lock says which packages such a root had when it was last tried.
# shellcheck disable=SC2154 # state, version, packages, root, stored, recipe and host_files are set in tools/bazel

readonly suite=forky
readonly no_bazel="no bazel from 7.7 up to 8 on PATH"

# bring_root makes the root, one call at a time. It is renamed to its name at the end: a directory of that name is whole.
bring_root() { # ARGUMENT… of tools/bazel
  local mask temp=$state/bazel-root.tmp
  log=$state/bazel-root.log
  from="Debian $suite, about 1.5 GB"
  if [[ -n $stored ]]; then
    from="the store, about 1.5 GB"
  elif airgap "$@"; then
    error "root/${root##*/}.tar is not in the store $RELEASE_STORE, and --config=airgap allows no download" \
      "unpack a bundle into the store that has this root${RELEASE_ROOT_PACKAGES:+, with the packages of RELEASE_ROOT_PACKAGES: $RELEASE_ROOT_PACKAGES}"
  else
    type -P apt-get >/dev/null || error "$no_bazel, and there is no apt-get to bring one with: install Bazelisk"
  fi
  # Whatever we start has the lock too. Should this script be killed, the next call waits until all of it is gone.
  exec 9>>"$state/bazel-root.lock"
  if ! flock -n 9; then
    echo "bazel: waiting for another call, which is bringing Bazel" >&2
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

# airgap tells whether nothing may open a socket.
airgap() {
  [[ ${RELEASE_AIRGAP-} != 1 ]] || return 0
  while (($#)); do
    [[ $1 != --config=airgap && "$1 ${2-}" != "--config airgap" ]] || return 0
    [[ $1 != -- ]] || return 1
    shift
  done
  return 1
}

# unpack_root unpacks a root out of the store, after its digest has been compared. The list of packages by which it was
# found has to be the one in it.
unpack_root() { # TEMP
  local got want name tar=$RELEASE_STORE/root/$stored.tar list=$RELEASE_STORE/root/$stored.packages.json
  local hint="the file was altered since it was stored: unpack the bundle into the store again"
  read -r want name 2>/dev/null <"$tar.sha256" || error "digest of $tar: $tar.sha256 is missing, or empty" "$hint"
  [[ $name == "$stored.tar" ]] || error "digest of $tar: $tar.sha256 has that of ${name:-nothing}, want $stored.tar" "$hint"
  show comparing begins
  read -r got _ < <(sha256sum <"$tar") || error "reading $tar did not work"
  [[ $got == "$want" ]] || error "sha256 of $tar: got ${got:-none}, want $want" "$hint"
  mkdir -m 0755 -- "$1/root"
  work unpacking tar --no-same-owner -C "$1/root" -xf "$tar"
  [[ ! -t 2 ]] || echo >&2
  [[ -e $list && -e $1/root/root.packages.json ]] || return 0
  read -r got _ < <(sha256sum <"$list") && read -r want _ < <(sha256sum <"$1/root/root.packages.json")
  [[ $got == "$want" ]] || error "sha256 of $list: got $got, want $want" "$hint"
}

# get_tools installs what it takes to make a root, where that is missing and we may. What enters it is in the root.
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

# try_bwrap ends the call where bubblewrap may not run.
try_bwrap() { # ROOT
  local bwrap
  find_bwrap "$1"
  "${bwrap[@]}" --dev-bind / / -- true 2>>"$log" || error "$no_bazel, and bubblewrap may not run here ($(tail -n 1 "$log")): install Bazelisk"
}

# find_site sets REPLY to where the package manager gets Debian from: the original, a mirror or a proxy.
find_site() {
  local origin label
  while IFS='|' read -r REPLY origin label; do
    [[ $origin != Debian || $label != Debian ]] || return 0
  done < <(apt-get indextargets --format "\$(SITE)|\$(ORIGIN)|\$(LABEL)" 'Created-By: Packages' 2>/dev/null)
  return 1
}

make_root() { # TEMP
  # Nothing has to survive a power cut before the root is whole, so dpkg need not sync file by file.
  # The index that apt has read is there until the end, and says what each package is.
  # shellcheck disable=SC2016
  local show='apt-cache show --no-all-versions $(dpkg-query -W -f "\${binary:Package}=\${Version} ")'
  # Bazel takes the bytes of file names for Latin-1, so that each stays what it is, but only where there is this locale.
  # What Bazel runs does not see it.
  local locale='localedef -i en_US -f ISO-8859-1 --no-archive en_US.ISO-8859-1'
  local line options=(--variant=minbase --dpkgopt=force-unsafe-io "--include=${packages//$'\n'/,}"
    "--customize-hook=chroot \"\$1\" $locale"
    "--customize-hook=chroot \"\$1\" sh -c '$show' >\"\$1/root.packages\"")
  find_site || { [[ $(id -un) == root ]] && apt-get update >>"$log" 2>&1 </dev/null && find_site; } ||
    error "$no_bazel, and apt-get knows no Debian site to bring one from: install Bazelisk"
  # The package manager's proxies and its stance on old indexes (a mirror may be frozen) hold for us too.
  while IFS= read -r line; do
    [[ ! $line =~ ^Acquire::(https?|Check|Retries|Force) ]] || options+=("--aptopt=$line")
  done < <(apt-config dump 2>/dev/null)
  if [[ $(id -un) == root ]]; then
    # What it mounts meanwhile is gone when it is, even when it is killed.
    work downloading unshare --mount mmdebstrap --mode=root "${options[@]}" "$suite" "$1/root" "$REPLY"
  else
    work downloading mmdebstrap --mode=unshare "${options[@]}" "$suite" "$1/root.tar" "$REPLY"
    mkdir -m 0755 -- "$1/root"
    work unpacking tar --no-same-owner --exclude './dev/*' -C "$1/root" -xf "$1/root.tar"
    rm -- "$1/root.tar"
  fi
  [[ ! -t 2 ]] || echo >&2
}

# finish_root makes Debian's Bazel the one that all others have.
finish_root() { # ROOT
  local file share=/usr/share/bazel pair
  for file in $host_files; do # each is a place to mount the machine's own over
    file=$1/etc/$file
    [[ ! -L $file ]] || rm -- "$file"
    [[ -e $file ]] || { mkdir -p -- "${file%/*}" && : >"$file"; }
  done
  # Debian leaves the version out of what the server reads: "bazel version" fails, and native.bazel_version is empty.
  echo "build.label=$version" >"$1/etc/bazel/build-data.properties"
  echo /etc/bazel >>"$1$share/bazel_classpath_debian_depends.txt"
  {
    echo "startup --install_base=$share --trust_install_base"
    # A server that runs in another root has to make way for one in this root.
    echo "startup --host_jvm_args=-Drelease.root=${root##*/}"
    # Debian has the repositories that Bazel downloads before it builds anything. That is said here and not in the
    # project, whose WORKSPACE is written for everyone.
    for pair in bazel_skylib=tools/skylib platforms=platforms/platforms bazel_features=tools/features rules_cc=rules/cc \
      rules_java=rules/java rules_license=rules/license rules_proto=rules/proto rules_python=rules/python rules_shell=rules/shell; do
      [[ ! -d $1$share/${pair#*=} ]] || echo "common --override_repository=${pair%%=*}=$share/${pair#*=}"
    done
  } >"$1/etc/bazel/bazelrc"
  write_packages "$1"
}

try_root() { # ROOT
  try_bwrap "$1"
  REPLY=$(enter "$1" bazel --version 2>>"$log") || failed
  [[ $REPLY == "bazel $version" ]] || error "Debian $suite has ${REPLY:-no bazel}, and .bazelversion wants $version: install Bazelisk"
}

# write_packages writes root.packages.json: which packages the root has, with the digests of their archives as the
# index had them, a line a package. root.packages, which it is made from, is deleted.
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
  [[ ${#rows[@]} -gt 0 ]] || error "the packages of the root are not known" "the whole log is $log"
  rm -- "$1/root.packages"
  {
    printf '{\n  "schema": "release-builder/root/v1",\n  "root": "%s",\n  "made_by": "%s",\n  "suite": "%s",\n  "packages": [\n' \
      "${root##*/}" "$recipe $HOSTTYPE $version" "$suite"
    printf '%s\n' "${rows[@]}" | LC_ALL=C sort -u | { read -r line && printf '    %s' "$line" && while read -r line; do printf ',\n    %s' "$line"; done; }
    printf '\n  ]\n}\n'
  } >"$1/root.packages.json"
}

# read_packages prints the packages of a root as root.lock has them: name, version, architecture and sha256 a line.
read_packages() { # ROOT
  local line
  while IFS= read -r line; do
    [[ $line =~ ^\ *\{\"name\":\ \"(.*)\",\ \"version\":\ \"(.*)\",\ \"architecture\":\ \"(.*)\",\ \"sha256\":\ \"(.*)\"\},?$ ]] || continue
    printf '%s %s %s %s\n' "${BASH_REMATCH[@]:1:4}"
  done <"$1/root.packages.json"
}

# compare_packages warns, in one line, of packages that are not what root.lock has. Debian's suite moves on, so that
# is no error. Packages that root.lock does not have were asked for, or came with those.
compare_packages() { # ROOT
  local line name lock=${self%/*}/launcher/root.lock other=()
  local -A have=()
  [[ -r $lock && -r $1/root.packages.json ]] && read -r line <"$lock" || return 0
  [[ $line == *" $HOSTTYPE:"* ]] || return 0 # of another architecture, all would differ
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

# work runs a command and shows what it is at. The command gets a process group of its own, and a guard outside of it
# that ends the group when this script is gone, however that came: mmdebstrap heeds only a signal to all its processes.
work() { # STAGE COMMAND…
  local stage=$1 line worker
  shift
  exec 7> >(trap '' INT TERM HUP && exec 9>&- && read -r worker && { read -r || kill -TERM -- "-$worker"; })
  exec 8< <(echo "$BASHPID" >&7 && exec 7>&- && exec setsid "$@" 2>&1 </dev/null)
  worker=$!
  show "$stage" begins
  while IFS= read -r -t 1 line <&8 || (($? > 128)); do # over 128: nothing came for a second
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

# show keeps one line up to date on a terminal, and elsewhere writes a line as a stage begins.
show() { # STAGE begins|goes-on
  local text="bazel: bringing Bazel $version ($from, once): $1… $SECONDS s"
  if [[ -t 2 ]]; then
    printf '\r\033[K%s' "$text" >&2
  elif [[ $2 == begins ]]; then
    printf '%s\n' "$text" >&2
  fi
}

failed() {
  [[ ! -t 2 ]] || echo >&2
  tail -n 15 -- "$log" >&2
  error "bringing Bazel $version did not work" "the whole log is $log"
}
