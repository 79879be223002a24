"""The ``mlops`` command: what a person does to a running stack, local or deployed."""
