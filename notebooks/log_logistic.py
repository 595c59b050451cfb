"""A hazard that the package does not have: the example of `new_hazard.ipynb`."""

from dataclasses import dataclass

from bayes_ihlrt.hazards.numerics import log_floored


@dataclass(frozen=True)
class LogLogistic:
    """Log-logistic hazard: H(t) = log(1 + (t / scale)^k); rises, then falls, for k > 1."""

    name = "log-logistic"
    parameters = ("log_scale", "log_shape")
    shapes = {"log_scale": (), "log_shape": ()}  # noqa: RUF012
    proportional_hazards = True
    accelerated_failure_time = False

    def increment_basis(self, xp, start, stop):
        return xp.stack([log_floored(xp, start), log_floored(xp, stop)], axis=-1)

    def cumulative_hazard(self, xp, basis, theta):
        shape, log_scale = self._columns(xp, theta)
        return xp.logaddexp(0.0, shape * (basis[:, 1] - log_scale)) - xp.logaddexp(
            0.0, shape * (basis[:, 0] - log_scale)
        )

    def log_hazard_basis(self, xp, t):
        return xp.expand_dims(log_floored(xp, t), -1)

    def log_hazard(self, xp, basis, theta):
        shape, log_scale = self._columns(xp, theta)
        power = shape * (basis[:, 0] - log_scale)
        return xp.log(shape) + power - basis[:, 0] - xp.logaddexp(0.0, power)

    def time_at(self, xp, start, target, theta):
        shape, log_scale = self._columns(xp, theta)
        spent = xp.logaddexp(0.0, shape * (log_floored(xp, start) - log_scale))
        return xp.exp(log_scale + xp.log(xp.expm1(spent + target)) / shape)

    def _columns(self, xp, theta):
        shape = xp.exp(xp.expand_dims(theta["log_shape"], -1))
        return shape, xp.expand_dims(theta["log_scale"], -1)
