// Package cli has what all commands share. These are their conventions:
//
//   - Results go to standard output; progress, notes, errors and hints to standard error.
//   - An error is a line "NAME: error: …". Each finding has its own. Further lines of an error,
//     such as the output of a process, are indented.
//   - Hints follow the errors, as "NAME: hint: …": what the reader can do.
//   - The exit status is 0 if everything is done, 1 after an error or if a check found a
//     difference, and 2 if the command line is wrong.
//   - With --json, results are one JSON document.
//   - Paths are relative to the directory in which the caller ran the command, also under
//     `bazel run`.
//   - A flag has one or two dashes. An empty value is an error: it is mostly an unset variable.
package cli
