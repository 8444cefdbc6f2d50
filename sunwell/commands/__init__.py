"""The commands of `sunwell`, a file each."""
