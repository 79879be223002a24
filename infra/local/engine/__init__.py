"""The Pulumi program evaluated in this process and created on an embedded AWS emulator, without the Pulumi engine."""
