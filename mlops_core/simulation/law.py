"""The degradation law: how long a run lasts, how damage grows under load, and what the sensors show of it.

    damage(t) = damage(start) + integral of load(t)**3 / mean(load**3) / life  dt        functional failure at damage 1
    life      = guaranteed + characteristic * (-ln u)**(1 / shape)                       three-parameter Weibull, hours
    health_index = 1 - damage

Load is constant within an hour, so damage is piecewise linear in time. The exponent 3 is that of ball bearings
(ISO 281, L10 life); dividing by the mean keeps the mean calendar life equal to the drawn one.

    vibration   = (rest * (0.6 + 0.4 load) + gain * symptom(damage) * (1 + s (load - 1))) * (1 + wander)     mm/s r.m.s.
    temperature = ambient + rise * (0.4 + 0.6 load) + gain * symptom(damage) * (1 + s (load - 1))
                  + coupling * (vibration - rest)                                                      degrees Celsius

Levels hold on the hour and are joined by straight lines; each reading adds noise that depends on its timestamp alone.
"""

import math
from typing import NamedTuple

from pydantic import BaseModel, Field, model_validator

from mlops_core.simulation.failure_modes import FAILURE_MODES, FailureMode, Range, symptom
from mlops_core.simulation.operating_conditions import OperatingConditions, mean_cubed_load
from mlops_core.simulation.random_streams import FloatArray, WordArray, smooth_noise, stream_key, uniforms, within

WANDER_HOURS = 30
TEMPERATURE_STEPS = 100.0  # readings are whole hundredths of a degree Celsius
VIBRATION_STEPS = 1000.0  # and whole thousandths of a mm/s
REST_VIBRATION_MM_S: Range = (1.2, 3.0)
RISE_CELSIUS: Range = (18.0, 30.0)


class MaintenancePolicy(BaseModel, frozen=True):
    """What is done to machines, and how well. Ranges are (lowest, highest), drawn from uniformly."""

    repair_hours: Range = Field(default=(6.0, 36.0), description="from failure to return to service")
    repair_quality: Range = Field(default=(0.85, 1.0), description="1: as new; q leaves damage 1 - q behind")
    preventive_interval_hours: float | None = Field(
        default=None, gt=0, description="planned service this long after a return to service; unset: run to failure"
    )
    preventive_hours: float = Field(default=8.0, gt=0, description="duration of a planned service")

    @model_validator(mode="after")
    def _check_ranges(self) -> "MaintenancePolicy":
        if not 0 < self.repair_hours[0] <= self.repair_hours[1]:
            raise ValueError(f"repair_hours must be 0 < lowest <= highest, not {self.repair_hours}")
        if not 0 < self.repair_quality[0] <= self.repair_quality[1] <= 1:
            raise ValueError(f"repair_quality must be 0 < lowest <= highest <= 1, not {self.repair_quality}")
        return self


class DegradationLaw(BaseModel, frozen=True):
    """All constants of a fleet's degradation. The defaults give run lengths of about three weeks."""

    guaranteed_life_hours: float = Field(default=120.0, ge=0, description="no new machine fails before, at mean load")
    characteristic_life_hours: float = Field(default=480.0, gt=0, description="Weibull scale beyond the guarantee")
    life_shape: float = Field(default=1.8, gt=0, description="Weibull shape")
    conditions: OperatingConditions = OperatingConditions()
    maintenance: MaintenancePolicy = MaintenancePolicy()
    failure_modes: tuple[FailureMode, ...] = Field(default=FAILURE_MODES, min_length=1)
    celsius_per_mm_s: float = Field(default=1.0, ge=0, description="how temperature follows vibration")
    wander: float = Field(default=0.15, ge=0, lt=1, description="slow changes of vibration that mean nothing, largest")
    vibration_noise: float = Field(default=0.08, ge=0, le=0.2, description="standard deviation, as part of the level")
    temperature_noise_celsius: float = Field(default=0.6, ge=0, description="standard deviation")

    @model_validator(mode="after")
    def _check_shares(self) -> "DegradationLaw":
        if sum(mode.share for mode in self.failure_modes) <= 0:
            raise ValueError("failure_modes need a positive share in total")
        return self

    def life_cdf(self, hours: float) -> float:
        """Return the probability that a new machine's life is at most `hours` (at mean load)."""
        beyond = max(hours - self.guaranteed_life_hours, 0.0) / self.characteristic_life_hours
        return -math.expm1(-(beyond**self.life_shape))


class Machine(NamedTuple):
    """One machine under a law, and what distinguishes it from another of its kind, for all its runs."""

    law: DegradationLaw
    seed: int
    machine_id: str
    rest_vibration: float  # mm/s at rated load, undamaged
    rise: float  # degrees Celsius above ambient at rated load, undamaged
    load_key: int
    wander_key: int
    noise_key: int


class Run(NamedTuple):
    """What chance decides once per run to failure."""

    number: int
    mode: FailureMode
    life_hours: float
    initial_damage: float
    onset: float
    linear_share: float
    vibration_gain: float  # mm/s at functional failure and rated load
    temperature_gain: float  # degrees Celsius, likewise
    measured_at_failure: float  # of the mode's trip channel
    repair_seconds: int  # from this run's failure to the return to service


def machine_of(law: DegradationLaw, seed: int, machine_id: str) -> Machine:
    """Return a machine with what its nameplate says."""
    vibration, rise = uniforms(stream_key(seed, machine_id, "nameplate"), 0, 2)
    return Machine(
        law,
        seed,
        machine_id,
        rest_vibration=within(REST_VIBRATION_MM_S, vibration),
        rise=within(RISE_CELSIUS, rise),
        load_key=stream_key(seed, machine_id, "load"),
        wander_key=stream_key(seed, machine_id, "wander"),
        noise_key=stream_key(seed, machine_id, "noise"),
    )


def draw_run(machine: Machine, number: int) -> Run:
    """Return run `number` (0: the first after commissioning) of a machine."""
    law = machine.law
    chances = uniforms(stream_key(machine.seed, machine.machine_id, "run", number), 0, 8)
    mode = _mode_at(law.failure_modes, chances[0])
    beyond = law.characteristic_life_hours * (-math.log(chances[1])) ** (1 / law.life_shape)
    end_level = mode.threshold * (1 + within(mode.end_excess, chances[4]))
    side_gain = within(mode.side_gain, chances[5])
    if mode.trip_channel == "vibration":
        vibration_gain, temperature_gain = max(end_level - machine.rest_vibration, 0.0), side_gain
    else:
        rest = law.conditions.ambient_celsius + machine.rise + law.celsius_per_mm_s * side_gain
        vibration_gain, temperature_gain = side_gain, max(end_level - rest, 0.0)
    quality = within(law.maintenance.repair_quality, chances[7]) if number else 1.0
    return Run(
        number=number,
        mode=mode,
        life_hours=round(law.guaranteed_life_hours + beyond, 6),  # a platform's last bit must not move a failure
        initial_damage=1.0 - quality,
        onset=within(mode.onset, chances[2]),
        linear_share=within(mode.linear_share, chances[3]),
        vibration_gain=vibration_gain,
        temperature_gain=temperature_gain,
        measured_at_failure=round(end_level, 2),
        repair_seconds=int(3600 * within(law.maintenance.repair_hours, chances[6])),
    )


def damage_rate(law: DegradationLaw, run: Run, load: FloatArray) -> FloatArray:
    """Return the damage that an hour under `load` adds."""
    return load * load * load / (mean_cubed_load(law.conditions.load_variation) * run.life_hours)


def sensor_levels(
    machine: Machine, run: Run, hours: WordArray, load: FloatArray, ambient: FloatArray, damage: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return temperature and vibration without noise at the beginning of hours, in steps of the sensors' resolution.

    Args:
        machine: whose sensors.
        run: the run in which all hours lie.
        hours: consecutive, since the epoch; the others have a value each.
        load: as a fraction of the rated load.
        ambient: in degrees Celsius.
        damage: in [0, 1].

    """
    law = machine.law
    grown = symptom(damage, run.onset, run.linear_share) * (1.0 + run.mode.load_sensitivity * (load - 1.0))
    vibration = machine.rest_vibration * (0.6 + 0.4 * load) + run.vibration_gain * grown
    vibration = vibration * (1.0 + law.wander * smooth_noise(machine.wander_key, hours, WANDER_HOURS, 0))
    temperature = ambient + machine.rise * (0.4 + 0.6 * load) + run.temperature_gain * grown
    temperature = temperature + law.celsius_per_mm_s * (vibration - machine.rest_vibration)
    return temperature * TEMPERATURE_STEPS, vibration * VIBRATION_STEPS


def temperature_added(law: DegradationLaw, standard_normal: FloatArray) -> FloatArray:
    """Return the noise that is added to a temperature, in steps of its sensor's resolution."""
    return law.temperature_noise_celsius * TEMPERATURE_STEPS * standard_normal


def vibration_factor(law: DegradationLaw, standard_normal: FloatArray) -> FloatArray:
    """Return the noise that multiplies a vibration: r.m.s. of a short sample scatters in proportion to its level."""
    return 1.0 + law.vibration_noise * standard_normal


def _mode_at(modes: tuple[FailureMode, ...], fraction: float) -> FailureMode:
    remaining = fraction * sum(mode.share for mode in modes)
    for mode in modes:
        remaining -= mode.share
        if remaining < 0:
            return mode
    return modes[-1]
