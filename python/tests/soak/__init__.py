"""What takes long: tasks under kills and restarts, memory over many tasks, tasks that harm their process."""
