"""The pages of accounts; names and paths that outside drivers rely on stand in the API contract."""

from django.urls import path

from access.views import enrolment, lost_factor, passkeys, reset, security, signin, signup, staff_invitation

urlpatterns = [
    path("login", signin.login, name="login"),
    path("login/factor", signin.factor, name="login_factor"),
    path("login/factor/passkey", passkeys.second_factor, name="login_factor_passkey"),
    path("login/factor/passkey/options", passkeys.second_factor_options, name="login_factor_passkey_options"),
    path("login/passkey", passkeys.sign_in, name="login_passkey"),
    path("login/passkey/options", passkeys.sign_in_options, name="login_passkey_options"),
    path("login/recovery", signin.recovery, name="login_recovery"),
    path("logout", signin.logout, name="logout"),
    path("stay", signin.stay, name="stay"),
    path("confirm", signin.confirm, name="confirm"),
    path("confirm/passkey/options", passkeys.step_up_options, name="confirm_passkey_options"),
    path("language", signin.set_language, name="set_language"),
    path("signup", signup.signup, name="signup"),
    path("signup/code", signup.code, name="signup_code"),
    path("signup/password", signup.password, name="signup_password"),
    path("signup/totp", enrolment.totp, name="signup_totp"),
    path("signup/passkey", passkeys.add, name="signup_passkey"),
    path("signup/passkey/options", passkeys.add_options, name="signup_passkey_options"),
    path("signup/recovery", enrolment.recovery, name="signup_recovery"),
    path("lost-factor", lost_factor.ask, name="lost_factor"),
    path("lost-factor/sent", lost_factor.sent, name="lost_factor_sent"),
    path("lost-factor/<uuid:reset_id>/<str:token>", lost_factor.link, name="lost_factor_link"),
    path("staff-invitation/<uuid:invitation_id>/<str:token>", staff_invitation.accept, name="staff_invitation"),
    path("password-reset", reset.reset, name="password_reset"),
    path("password-reset/code", reset.code, name="password_reset_code"),
    path("password-reset/password", reset.password, name="password_reset_password"),
    path("security", security.security, name="security"),
    path("security/password", security.change_password, name="security_password"),
    path("security/recovery-codes", security.new_codes, name="security_recovery"),
    path("security/authenticators/<int:device_id>/remove", security.remove_totp, name="security_remove_totp"),
    path("security/lost-factor/cancel", lost_factor.cancel, name="lost_factor_cancel"),
    path("security/passkeys/<int:device_id>/remove", passkeys.remove, name="security_remove_passkey"),
    path("security/passkeys/<int:device_id>/name", passkeys.rename, name="security_rename_passkey"),
    path("security/browsers/<uuid:sign_in>/sign-out", security.sign_out_browser, name="sign_out_browser"),
    path("security/sign-out-everywhere", security.sign_out_everywhere, name="sign_out_everywhere"),
]
