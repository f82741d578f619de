"""The verbs of scripts, by area: functions of the scene and a step's argument; a step keeps what its verb returns."""
