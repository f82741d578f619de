"""What it takes to run a task, in a worker or where it is sent (``eager``).

around     hooks and signals before and after the run
builtin    the tasks that every worker knows
counting   the ends of a chord's members as they are counted
ending     what it means that a task raised
errbacks   errbacks that are called where the task failed
"""
