"""The paths of runfiles."""

def rlocation_path(ctx, file):
    """Returns a file's path in runfiles, as the package runfiles of rules_go wants it.

    Args:
        ctx: the rule's context.
        file: the File.

    Returns:
        the path, which begins with the name of a repository.
    """
    if file.short_path.startswith("../"):
        return file.short_path.removeprefix("../")
    return ctx.workspace_name + "/" + file.short_path
