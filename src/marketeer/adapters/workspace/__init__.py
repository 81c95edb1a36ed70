"""The workspace: the folder that a user owns."""

from marketeer.adapters.workspace.beside import FilesBeside
from marketeer.adapters.workspace.folder import DATABASE_NAME, FOLDERS, LOCK_NAME, FileWorkspace, daemon_pid

__all__ = ("DATABASE_NAME", "FOLDERS", "LOCK_NAME", "FileWorkspace", "FilesBeside", "daemon_pid")
