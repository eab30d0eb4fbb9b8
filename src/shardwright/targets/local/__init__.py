"""This machine: a group of processes on emulated hosts, with the same launch as anywhere else.

Knows the placeholders of a LocalGroup and what a machine cannot be asked for. Which hosts can be made and where the
engine is installed is found out when the group is started: that needs a look at the machine.
"""
